// A page of an allowed origin, which is not that of the API, gets tickets with its bearer
// and connects with them.
import assert from 'node:assert/strict';
import test from 'node:test';

import { open, ticketDoors, wantConnected, wantRefused, world } from './harness.mjs';

for (const host of ['app.example.test', 'app.other.test']) {
  for (const [door, greeted] of ticketDoors) {
    test(`${host} connects: ${door}`, async () => {
      const page = await open(host);
      await page.signIn();
      wantConnected(await page.connect(door, await page.issue(world.api)), greeted);
    });
  }
}

test('a ticket is good once', async () => {
  const page = await open('app.example.test');
  await page.signIn();
  const issued = await page.issue(world.api);
  wantConnected(await page.connect('query', issued));
  wantRefused(await page.connect('query', issued));
  wantRefused(await page.connect('subprotocol', issued));
});

test('a ticket of one page is no good in that of another origin, and is spent by it', async () => {
  const [page, other] = [await open('app.example.test'), await open('app.other.test')];
  await page.signIn();
  const issued = await page.issue(world.api);
  wantRefused(await other.connect('query', issued));
  wantRefused(await page.connect('query', issued));
});

test('a page that is not signed in gets no ticket', async () => {
  const page = await open('app.example.test');
  assert.equal((await page.issue(world.api)).code, 'missing_credential');
});
