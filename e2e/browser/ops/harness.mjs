// The page of the operators, and users whose connections it shows. In the world of
// ../../browser_ops_test.go it finds:
//
//   operator, issuing  the page, and the public listener of the same process
//   bearers            those of users, by their names
//   keys               API keys: ops (read and revoke), reader (read), chat (of one audience)
//   guarded            the page of a process that shows its metrics to keys only
//   pair, other        the page of one of two processes, and the ID of the other one
//   kept, elsewhere    the page of one of two processes that share a database, and the public listener of the other one
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';

import { WebSocket } from '../../node/websocket.mjs';
import { context, keep, visit, world } from '../browser.mjs';

export { context, keep, world };

for (const key of Object.values(world.keys)) keep('key', key);
for (const bearer of Object.values(world.bearers)) keep('bearer', bearer);

const sockets = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});

// faults are what the page has done wrong: violations of its policy, and errors that
// nobody has caught.
const faults = [];

afterEach(() => assert.deepEqual(faults.splice(0), []));

// open opens the page, with a key if one is given.
export async function open(key, { at = world.operator, prepare = async () => {} } = {}) {
  const page = await visit(at, async (page) => {
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text());
    });
    await prepare(page);
  });
  page.setDefaultTimeout(60_000);
  if (key) await enter(page, key);
  return page;
}

// enter enters a key, and waits until the page has it.
export async function enter(page, key) {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Use key' }).click();
  await page.getByRole('button', { name: 'Forget key' }).waitFor();
}

// issue gets a ticket for a user.
export async function issue(user, at = world.issuing) {
  const answer = await fetch(`${at}/ws-ticket`, { method: 'POST', headers: { Authorization: `Bearer ${world.bearers[user]}` } });
  assert.equal(answer.status, 201);
  const issued = await answer.json();
  keep('ticket', issued.ticket);
  return issued;
}

// connect opens a connection of a user. Its promise closed has the code of its end.
export async function connect(user, issued) {
  const made = issued ?? (await issue(user));
  const socket = new WebSocket(made.url);
  sockets.push(socket);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return { id: made.ticket_id, ticket: made.ticket, url: made.url, socket, closed };
}

// replay presents a ticket again, and checks that it is refused.
export function replay({ url }) {
  return assert.rejects(connect('', { url }), /401/);
}

// lives checks that a connection is open still, by an echo.
export async function lives({ socket }) {
  const echo = new Promise((resolve) => socket.on('message', (data) => data.toString() === 'still here' && resolve()));
  socket.send('still here');
  await echo;
}

// row returns the row of a connection.
export function row(page, id) {
  return page.getByRole('table', { name: 'Live connections' }).getByRole('row').filter({ hasText: id });
}
