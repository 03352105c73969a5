// A page of an origin that is not allowed is refused and does not spend a stolen
// ticket, which still works in its own page.
import assert from 'node:assert/strict';
import test from 'node:test';

import { open, ticketDoors, wantConnected, wantRefused, world } from './harness.mjs';

for (const host of ['evil.example.test', 'evil.other.test']) {
  test(`${host} gets no ticket for a bearer`, async () => {
    const page = await open(host);
    await page.signIn();
    await assert.rejects(page.issue(world.api), /Failed to fetch/);
  });

  for (const [door, greeted] of ticketDoors) {
    test(`${host} cannot connect with a stolen ticket, which is not spent: ${door}`, async () => {
      const victim = await open('app.example.test');
      await victim.signIn();
      const issued = await victim.issue(world.api);
      const thief = await open(host);
      wantRefused(await thief.connect(door, issued));
      wantConnected(await victim.connect(door, issued), greeted);
    });
  }
}
