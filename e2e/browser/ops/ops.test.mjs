// What an operator sees and does, with real connections.
import assert from 'node:assert/strict';
import test from 'node:test';

import { look } from '../look.mjs';
import { connect, context, enter, issue, keep, lives, open, replay, row, world } from './harness.mjs';

const live = (page) => page.getByRole('region', { name: 'Live connections' });
const ticket = (page) => page.getByRole('region', { name: 'One ticket' });

test('the charts move with the traffic, without a key', async () => {
  const page = await open();
  await page.getByRole('status').filter({ hasText: /^Ready$/ }).waitFor();
  await page.getByRole('img', { name: /^Issued\. 0/ }).waitFor();
  const first = await connect('alice');
  await replay(first);
  for (const chart of ['Issued', 'Redeemed', 'Refused', 'Replays', 'Open connections', 'Latency of issuing', 'Latency of redeeming']) {
    await page.getByRole('img', { name: new RegExp(`^${chart}\\..* at most (?!0[/ ])`) }).waitFor();
  }
  await page.getByRole('table', { name: 'Refused, by reason' }).getByRole('row', { name: /^spent/ }).waitFor();
  await page.getByRole('table', { name: 'Open connections, by door' }).getByRole('row', { name: /^query/ }).waitFor();
  await page.getByRole('region', { name: 'Dependencies' }).getByText('Keys of an issuer').waitFor();
});

test('without a key it is read-only', async () => {
  const { id } = await connect('alice');
  const page = await open();
  await live(page).getByText('read', { exact: false }).first().waitFor();
  assert.equal(await page.getByText(id).count(), 0);
  assert.equal(await page.getByRole('button', { name: /Cut|Revoke|Show timeline/ }).count(), 0);
});

test('a key that is wrong, or lacks a scope, or is for one audience', async () => {
  const { id } = await connect('alice');
  const page = await open();
  keep('key', 'wrong-key-canary-0123456789');
  await page.getByLabel('API key').fill('wrong-key-canary-0123456789');
  await page.getByRole('button', { name: 'Use key' }).click();
  await page.getByRole('alert').filter({ hasText: 'internal.api_keys' }).waitFor();
  assert.equal(await page.getByLabel('API key').inputValue(), '');

  await enter(page, world.keys.reader);
  await row(page, id).waitFor();
  assert.equal(await row(page, id).getByRole('button', { name: /Cut|Revoke/ }).count(), 0);

  await page.getByRole('button', { name: 'Forget key' }).click();
  await page.getByLabel('API key').waitFor();
  assert.equal(await page.getByText(id).count(), 0);

  await enter(page, world.keys.chat);
  await live(page).getByText('audiences').first().waitFor();
  assert.equal(await page.getByText(id).count(), 0);
});

test('cut closes one connection', async () => {
  const [cut, other] = [await connect('alice'), await connect('alice')];
  const page = await open(world.keys.ops);
  await row(page, cut.id).getByRole('button', { name: /^Cut/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await row(page, cut.id).getByRole('button', { name: /^Cut/ }).click();
  await dialog.getByRole('button', { name: 'Cut connection' }).click();
  assert.equal(await cut.closed, 4003);
  await dialog.getByRole('button', { name: 'Close' }).click();
  await row(page, cut.id).waitFor({ state: 'detached' });
  await lives(other);
});

test('pages of connections, by keyboard, and one whose connections have closed', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => connect('alice')));
  const page = await open(world.keys.ops);
  await hasFocus(page.getByRole('button', { name: 'Forget key' }));
  const [previous, next] = ['Previous', 'Next'].map((name) => live(page).getByRole('button', { name, exact: true }));
  await live(page).getByText(/^20 connections/).waitFor();
  const text = await page.getByRole('table', { name: 'Live connections' }).innerText();
  const first = all.find(({ id }) => text.includes(id));
  await next.press('Enter');
  await row(page, first.id).waitFor({ state: 'detached' });
  assert.ok(await next.isDisabled());
  await hasFocus(previous);
  for (const one of all) if (one !== first) one.socket.close();
  await row(page, first.id).waitFor();
});

// hasFocus checks that a button has the focus.
async function hasFocus(button) {
  assert.ok(await button.evaluate((element) => element === document.activeElement));
}

test('revoke closes all connections of a user', async () => {
  const carol = [await connect('carol'), await connect('carol'), await connect('carol')];
  const bob = await connect('bob');
  const page = await open(world.keys.ops);
  await row(page, bob.id).waitFor();
  await live(page).getByLabel('User').fill('carol');
  await live(page).getByRole('button', { name: 'Search' }).click();
  await row(page, bob.id).waitFor({ state: 'detached' });
  await row(page, carol[1].id).getByRole('button', { name: /^Revoke/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^3 connections/).waitFor();
  await dialog.getByLabel(/^Why/).fill('laptop was stolen');
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  for (const { closed } of carol) assert.equal(await closed, 4003);
  await dialog.getByRole('status').filter({ hasText: 'revocation' }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await live(page).getByText('No open connection matches').waitFor();
  await lives(bob);
});

test('the timeline of a ticket, from issue to close', async () => {
  const bob = await connect('bob');
  const page = await open(world.keys.ops);
  await row(page, bob.id).getByRole('button', { name: /^Timeline/ }).click();
  const events = ticket(page).getByRole('list', { name: 'Events' });
  for (const what of ['Issued', 'Redeemed', 'Connected']) await events.getByRole('listitem').filter({ hasText: what }).first().waitFor();
  await replay(bob);
  bob.socket.close(1000);
  assert.equal(await bob.closed, 1000);
  await row(page, bob.id).waitFor({ state: 'detached' });
  await ticket(page).getByRole('button', { name: 'Show timeline' }).click();
  await events.getByRole('listitem').filter({ hasText: 'Closed with 1000' }).waitFor();
  const titles = (await events.getByRole('listitem').allInnerTexts()).map((text) => /Issued|Redeemed|Connected|Replayed|Closed/.exec(text)?.[0]);
  const order = [...new Set(titles.filter((title) => title))];
  assert.deepEqual(order.toSorted(), ['Closed', 'Connected', 'Issued', 'Redeemed', 'Replayed']);
  assert.equal(order[0], 'Issued');
  assert.ok(order.indexOf('Redeemed') < order.indexOf('Closed'));
});

test('with a database, the timeline and the trail have what other processes saw', async () => {
  const bob = await connect('bob', await issue('bob', world.elsewhere));
  const page = await open(world.keys.reader, { at: world.kept });
  const events = ticket(page).getByRole('list', { name: 'Events' });
  await ticket(page).getByLabel('Ticket or connection ID').fill(bob.id);
  // A record is in the database a moment after its event.
  await again(ticket(page).getByRole('button', { name: 'Show timeline' }), events.getByRole('listitem').filter({ hasText: 'Connected' }));
  for (const what of ['Issued', 'Redeemed']) await events.getByRole('listitem').filter({ hasText: what }).waitFor();
  await ticket(page).getByText('all processes').waitFor();

  const trail = page.getByRole('region', { name: 'Audit trail' });
  const found = trail.getByRole('table', { name: /^Records/ }).getByRole('row').filter({ hasText: bob.id });
  await trail.getByLabel('User').fill('bob');
  await again(trail.getByRole('button', { name: 'Search the trail' }), found.filter({ hasText: 'Connected' }));
  await trail.getByRole('status').filter({ hasText: 'All 3 records' }).waitFor();
  await trail.getByLabel('User').fill('nobody');
  await trail.getByRole('button', { name: 'Search the trail' }).click();
  await trail.getByText('nothing of this user').waitFor();
  await trail.getByLabel('User').fill('');
  await trail.getByRole('button', { name: 'Search the trail' }).click();
  await ticket(page).getByLabel('Ticket or connection ID').fill('');
  await found.filter({ hasText: 'Issued' }).getByRole('button', { name: /^Timeline/ }).click();
  await hasFocus(ticket(page).getByRole('heading', { name: 'One ticket' }));
  assert.equal(await ticket(page).getByLabel('Ticket or connection ID').inputValue(), bob.id);
  await look(page, 'ops-trail');
});

// again presses a button until something is there.
async function again(button, there) {
  for (const end = Date.now() + 60_000; !(await there.isVisible()); ) {
    assert.ok(Date.now() < end, `${there} does not come`);
    await button.click();
    await there.waitFor({ timeout: 1000 }).catch(() => {});
  }
}

test('without a database there is no trail to search', async () => {
  const { id } = await connect('alice');
  const page = await open(world.keys.reader);
  await row(page, id).waitFor();
  assert.equal(await page.getByRole('region', { name: 'Audit trail' }).count(), 0);
});

test('a ticket in the place of its ID is sent nowhere', async () => {
  const page = await open(world.keys.ops);
  const issued = await issue('bob');
  await ticket(page).getByLabel('Ticket or connection ID').fill(issued.ticket);
  await ticket(page).getByRole('button', { name: 'Show timeline' }).click();
  await ticket(page).getByRole('alert').filter({ hasText: 'secret' }).waitFor();
  assert.equal(await ticket(page).getByLabel('Ticket or connection ID').inputValue(), '');
});

test('where the metrics need a key, the page asks for one', async () => {
  const page = await open(undefined, { at: world.guarded });
  const traffic = page.getByRole('region', { name: 'Traffic' });
  await traffic.getByText('scope read').waitFor();
  await enter(page, world.keys.reader);
  await traffic.getByRole('img', { name: /^Issued/ }).waitFor();
  await page.getByRole('region', { name: 'Dependencies' }).getByText('Keys of an issuer').waitFor();
});

test('a list without a process that does not answer says so', async () => {
  const page = await open(world.keys.reader, { at: world.pair });
  await live(page).getByText('in 2 processes').waitFor();
  const partial = live(page).getByRole('status').filter({ hasText: 'not complete' });
  try {
    // It counts as alive for six seconds, in which the page has to ask.
    do {
      process.kill(world.other, 'SIGCONT');
      await live(page).getByText('in 2 processes').waitFor();
      process.kill(world.other, 'SIGSTOP');
      await live(page).getByRole('button', { name: 'Search' }).click();
      await live(page).getByText('in one process').waitFor();
    } while (!(await partial.isVisible()));
  } finally {
    process.kill(world.other, 'SIGCONT');
  }
  await live(page).getByText('in 2 processes').waitFor();
  await partial.waitFor({ state: 'hidden' });
});

test('the charts start over where another process answers', async () => {
  const page = await open(undefined, { at: world.pair });
  await page.getByRole('img', { name: /^Issued\./ }).waitFor();
  await page.route('**/metrics', (route) => route.continue({ url: new URL('metrics', world.operator).href }));
  await page.getByRole('region', { name: 'Traffic' }).getByRole('status').filter({ hasText: 'another process' }).waitFor();
});

test('a process that does not answer, and answers again', async () => {
  const page = await open();
  await page.getByRole('status').filter({ hasText: /^Ready$/ }).waitFor();
  await context.setOffline(true);
  const banner = page.getByRole('alert').filter({ hasText: 'No answer' });
  await banner.waitFor();
  await context.setOffline(false);
  await page.getByRole('button', { name: 'Try now' }).click();
  await page.getByRole('status').filter({ hasText: /^Ready$/ }).waitFor();
  await banner.waitFor({ state: 'hidden' });
});

test('nothing is asked while the page is hidden', async () => {
  let asked = 0;
  const prepare = async (page) => {
    await page.clock.install();
    page.on('request', (request) => {
      if (request.url().endsWith('/metrics')) asked++;
    });
  };
  const page = await open(undefined, { prepare });
  const setHidden = (hidden) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await page.getByRole('img', { name: /^Issued\./ }).waitFor();
  await setHidden(true);
  await page.evaluate(() => fetch('livez')); // what was on its way has been answered by now
  const before = asked;
  await page.clock.runFor(60_000);
  await page.evaluate(() => fetch('livez'));
  assert.equal(asked, before);
  const next = page.waitForRequest(/\/metrics$/);
  await setHidden(false);
  await next;
});

test('axe finds nothing', async () => {
  const bob = await connect('bob');
  const page = await open();
  await page.getByRole('table', { name: 'Open connections, by door' }).waitFor();
  await look(page, 'ops-without-a-key');
  await enter(page, world.keys.ops);
  await row(page, bob.id).getByRole('button', { name: /^Timeline/ }).click();
  await ticket(page).getByRole('list', { name: 'Events' }).waitFor();
  if (world.screenshots) await traffic(page);
  await look(page, 'ops');
  await row(page, bob.id).getByRole('button', { name: /^Revoke/ }).click();
  await page.getByRole('dialog').waitFor();
  await look(page, 'ops-dialog');
});

// traffic gives the charts something to show.
async function traffic(page) {
  const [bob, alice] = [await connect('bob'), await connect('alice')];
  for (let asked = 0; asked < 25; asked++) {
    await page.waitForRequest(/\/metrics$/);
    for (let tickets = Math.random() * 6; tickets > 1; tickets--) (await connect('alice')).socket.close();
    if (asked % 3 === 0) await replay(asked % 2 ? bob : alice);
    if (asked % 4 === 0) await connect('alice');
  }
}
