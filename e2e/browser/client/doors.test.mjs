// Pages of another origin than the API connect with the client, where they may.
import assert from 'node:assert/strict';
import test from 'node:test';

import { doors, open, wantRefused, world } from './harness.mjs';

for (const host of ['app.example.test', 'app.other.test']) {
  for (const [door, protocol] of doors) {
    test(`${host} connects with a bearer: ${door}`, async () => {
      const tab = await open(host);
      const connection = await tab.connect({ door });
      const told = await connection.opened();
      assert.deepEqual([told.protocol, told.url], [protocol, `${world.api.replace('https:', 'wss:')}/ws`]);
      const { state, events } = await connection.close();
      assert.deepEqual([state, events.at(-1).code], ['closed', 1000]);
    });
  }

  test(`${host} connects with the class for libraries`, async () => {
    const tab = await open(host);
    for (const [door] of doors) {
      const connection = await tab.connectOnce({ door });
      await connection.until('open', ({ readyState, messages }) => readyState === 1 && messages.length > 0);
      const { events } = await connection.close();
      assert.deepEqual(events.map(({ type, code }) => [type, code]), [['open', undefined], ['close', 1000]]);
    }
  });
}

for (const [host, sameSite] of [['app.example.test', 'Lax'], ['app.other.test', 'None']]) {
  test(`${host} connects with a session cookie: SameSite=${sameSite}`, async () => {
    const tab = await open(host);
    await tab.startSession(sameSite);
    for (const [door] of doors) await (await tab.connect({ door, session: true })).opened();
  });
}

test('a cookie that the browser does not send to another site is a reason', async () => {
  await (await open('app.example.test')).startSession('Lax');
  const connection = await (await open('app.other.test')).connect({ session: true });
  wantRefused(await connection.ended(), 'missing_credential', 4003);
});

for (const host of ['evil.example.test', 'evil.other.test']) {
  test(`${host} is told that it may not`, async () => {
    const connection = await (await open(host)).connect({ backoff: { base: 10, max: 10 } });
    wantRefused(await connection.ended(), 'cors', 1006);
  });
}
