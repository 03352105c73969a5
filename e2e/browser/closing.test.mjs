// What a page sees of a refusal: only 1006, or the close code if
// ws.accept_then_close is on.
import assert from 'node:assert/strict';
import test from 'node:test';

import { open, wantConnected, wantRefused, world } from './harness.mjs';

for (const door of ['query', 'subprotocol']) {
  test(`a spent ticket is 4001 where refusals are close codes: ${door}`, async () => {
    const page = await open('app.example.test');
    await page.signIn();
    const issued = await page.issue(world.closing);
    wantConnected(await page.connect('query', issued));
    const { opened, code, reason } = await page.connect(door, issued);
    assert.deepEqual({ opened, code, reason }, { opened: true, code: 4001, reason: 'Authentication failed' });
  });
}

test('a spent ticket is 1006 elsewhere', async () => {
  const page = await open('app.example.test');
  await page.signIn();
  const issued = await page.issue(world.api);
  wantConnected(await page.connect('query', issued));
  wantRefused(await page.connect('query', issued));
});

test('a spent ticket in the first message is auth_fail and 4001', async () => {
  const page = await open('app.example.test');
  await page.signIn();
  const issued = await page.issue(world.api);
  wantConnected(await page.connect('query', issued));
  const { messages, code, reason } = await page.connect('first_message', issued);
  assert.deepEqual(messages.map(JSON.parse), [{ type: 'auth_fail', code: 'invalid_ticket' }]);
  assert.deepEqual({ code, reason }, { code: 4001, reason: 'Authentication failed' });
});

test('a foreign origin learns nothing in either case', async () => {
  const victim = await open('app.example.test');
  await victim.signIn();
  const issued = await victim.issue(world.closing);
  const thief = await open('evil.example.test');
  wantRefused(await thief.connect('query', issued));
  wantConnected(await victim.connect('query', issued));
});
