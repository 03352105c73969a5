// A page sees 1006 and nothing else of a handshake that was refused. The client tells it
// why.
import assert from 'node:assert/strict';
import test from 'node:test';

import { doors, eventsOf, open, wantRefused } from './harness.mjs';

for (const [door] of doors) {
  test(`a spent ticket, and the next one opens: ${door}`, async () => {
    const connection = await (await open()).connect({ door, meddle: { spend: true } });
    const told = await connection.opened();
    const [{ why, code }, ...more] = eventsOf(told, 'reconnecting');
    const seen = door === 'first_message' ? ['authentication_failed', 4001] : ['spent', 1006];
    assert.deepEqual([why, code, more], [...seen, []]);
  });
}

for (const door of ['query', 'subprotocol']) {
  test(`the ticket of another page: ${door}`, async () => {
    const other = await open('app.other.test');
    const connection = await (await open()).connect({ door, meddle: { answer: await other.issue() } });
    const told = await connection.ended();
    wantRefused(told, 'wrong_origin', 1008);
    assert.equal(told.asked.at(0), 'connect');
  });
}

test('the class for libraries has it as a reason', async () => {
  const other = await open('app.other.test');
  const connection = await (await open()).connectOnce({ meddle: { answer: await other.issue() } });
  const { events } = await connection.ended();
  assert.deepEqual(events.map(({ type, code, reason }) => [type, code, reason]), [['close', 1008, 'wrong_origin']]);
});
