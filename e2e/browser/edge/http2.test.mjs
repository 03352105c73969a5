// A page gets a ticket through a proxy over TLS and HTTP/2, and connects through it.
// Chromium opens the WebSocket on an HTTP/2 connection that it has if the proxy can do
// that (RFC 8441), and on a new one with HTTP/1.1 otherwise.
import test from 'node:test';

import { open, wantConnected, wantRefused, world } from '../harness.mjs';

// signedIn returns a page that has an HTTP/2 connection to the proxy for requests with
// cookies. Chromium does not use one for requests without cookies, such as those for
// tickets, for WebSockets.
async function signedIn(host) {
  const app = await open(host);
  await app.signIn();
  await app.page.evaluate((api) => fetch(`${api}/ws-ticket/none`, { mode: 'no-cors', credentials: 'include' }), world.api);
  return app;
}

// at presents a ticket at a path of the proxy.
function at(path, issued) {
  return { ...issued, url: `${world.api.replace('https:', 'wss:')}${path}?ticket=${issued.ticket}` };
}

// Traefik does not choose a subprotocol for the application.
const doors = world.passive ? [['query']] : [['query'], ['subprotocol', { protocol: 'wsticket.v1' }]];

for (const path of ['/ws', '/ws/chat/general/']) {
  for (const [door, greeted] of doors) {
    test(`a page connects at ${path}: ${door}`, async () => {
      const page = await signedIn('app.example.test');
      wantConnected(await page.connect(door, at(path, await page.issue(world.api))), greeted);
    });
  }
}

test('a ticket is good once', async () => {
  const page = await signedIn('app.example.test');
  const issued = at('/ws', await page.issue(world.api));
  wantConnected(await page.connect('query', issued));
  wantRefused(await page.connect('query', issued));
});

test('a foreign origin is refused and spends no ticket', async () => {
  const [victim, thief] = [await signedIn('app.example.test'), await signedIn('evil.example.test')];
  const issued = at('/ws', await victim.issue(world.api));
  wantRefused(await thief.connect('query', issued));
  wantConnected(await victim.connect('query', issued));
});
