// Pages come back: after a restart, offline, asleep, put away or hidden.
import assert from 'node:assert/strict';
import test from 'node:test';

import { connectionsOf, context, eventsOf, handshakes, open, order, until, world } from './harness.mjs';

// A pause that nobody waits for: only what happens to the page shortens it.
const never = { base: 1e9, max: 1e9 };

async function restart() {
  await order('kill');
  await order('start');
}

test('twenty tabs come back after a restart with fresh tickets, and not at once', async () => {
  const tabs = await Promise.all(Array.from({ length: 20 }, () => open()));
  const connections = [];
  for (const tab of tabs) connections.push(await tab.connect({ drainWindow: 4000 }));
  for (const connection of connections) await connection.opened();
  await order('stop');
  await order('start');
  const ids = [];
  for (const connection of connections) {
    const told = await connection.opened(2);
    assert.equal(eventsOf(told, 'reconnecting')[0].code, 1001);
    ids.push(...told.ids);
  }
  const lines = (await handshakes()).filter((line) => ids.includes(line.ticket_id));
  assert.deepEqual(lines.map((line) => line.ticket_id).sort(), ids.sort(), 'each ticket is redeemed once');
  const times = lines.slice(20).map((line) => Date.parse(line.time));
  assert.ok(Math.max(...times) - Math.min(...times) > 50, `they came at ${times}`);
});

test('a page is loaded while a proxy answers for a wsticket that is away', async () => {
  await order('kill');
  await order('gateway');
  const connection = await (await open()).connect();
  await connection.until('an attempt', ({ events }) => events.some(({ why }) => why === 'cors'));
  await order('start');
  await connection.opened();
});

test('offline and back', async () => {
  const connection = await (await open()).connect({ backoff: never });
  await connection.opened();
  await restart();
  await connection.until('a pause', ({ state }) => state === 'waiting');
  await context.setOffline(true);
  await context.setOffline(false);
  await connection.opened(2);
});

test('a tab sleeps while wsticket restarts', async () => {
  const tab = await open();
  const connection = await tab.connect();
  await connection.opened();
  await tab.become('frozen');
  await restart();
  await tab.become('active');
  await connection.opened(2);
});

test('a page is put away and taken out again, with all it knows', async () => {
  const tab = await open();
  const connection = await tab.connect({ sub: 'reader' });
  await connection.opened(1, 'reader');
  await tab.page.goto(`https://app.example.test:${world.pages}/?another`);
  await until('no connection', async () => (await connectionsOf('reader')).length === 0);
  await tab.page.evaluate(() => history.back());
  await until('the page', () => connection.tell().catch(() => false)); // it is on its way
  await connection.opened(2, 'reader');
});

test('a hidden tab comes back when it is looked at', async () => {
  const back = await open();
  const connection = await back.connect({ backoff: never });
  await connection.opened();
  await open(); // in front of it
  await restart();
  await connection.until('a pause', ({ state }) => state === 'waiting');
  await back.page.bringToFront();
  await connection.opened(2);
});
