// Bearers end, and are revoked, while a page is connected.
import assert from 'node:assert/strict';
import test from 'node:test';

import { connectionsOf, doors, eventsOf, open, revoke, until, wantRefused } from './harness.mjs';

// lifetime is that of a first bearer: 5 s are the least with which there is a ticket, and
// a busy machine needs some.
const lifetime = '12s';

// All of them wait for the end of a bearer, so they do it together.
test('a bearer ends: it is renewed before, or a fresh one opens the connection again', async () => {
  const ttls = [lifetime, '1h'];
  const sleeper = await open();
  const asleep = await sleeper.connect({ ttls, sub: 'sleeps' });
  await asleep.opened(1, 'sleeps');
  await sleeper.become('frozen');

  const tab = await open();
  const renewing = [];
  for (const [door] of doors) {
    const sub = `renews-${door}`;
    renewing.push([await tab.connect({ door, ttls, sub }), sub]);
  }
  const lapsing = await tab.connect({ ttls, sub: 'lapses', renew: false });
  await lapsing.opened(1, 'lapses');
  for (const [connection, sub] of renewing) await wantRenewed(connection, sub);
  wantFreshBearer(await lapsing.opened(2, 'lapses'));

  await until('the end', async () => (await connectionsOf('sleeps')).length === 0);
  await sleeper.become('active');
  wantFreshBearer(await asleep.opened(2, 'sleeps'));
});

// wantRenewed checks that the connection is the first one, and lives for long now.
async function wantRenewed(connection, sub) {
  const soon = Date.now() + 600_000;
  await until('a later end', async () => {
    const [{ connection_expires_at: end } = {}] = await connectionsOf(sub);
    return Date.parse(end) > soon;
  });
  const { asked, events } = await connection.opened(1, sub);
  assert.deepEqual([asked, events.length], [['connect', 'renew'], 1]);
}

// wantFreshBearer checks that a bearer was over, and the next one opened a connection.
function wantFreshBearer(told) {
  const [{ why, code }, ...more] = eventsOf(told, 'reconnecting');
  assert.deepEqual([why, code, more, told.asked], ['bearer_expired', 4008, [], ['connect', 'rejected']]);
}

test('what is revoked is over', async () => {
  const tab = await open();
  const connection = await tab.connect({ sub: 'revoked' });
  await connection.opened(1, 'revoked');
  await revoke('revoked', 'end');
  wantRefused(await connection.ended(), 'revoked', 4003);
});

test('what has to be shown again is', async () => {
  const tab = await open();
  const connection = await tab.connect({ sub: 'rechecked' });
  await connection.opened(1, 'rechecked');
  await revoke('rechecked', 'recheck');
  wantFreshBearer(await connection.opened(2, 'rechecked'));
});
