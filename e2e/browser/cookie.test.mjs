// The session cookie, which browsers send by themselves. One wsticket accepts it at
// the cookie door if it contains a JWT, one looks it up at the application, and one
// issues tickets for it.
import assert from 'node:assert/strict';
import test from 'node:test';

import { open, wantConnected, wantRefused, world } from './harness.mjs';

// A page of the same site as the API, and one of another site.
const sites = [
  ['app.example.test', 'Lax'],
  ['app.other.test', 'None'],
];

for (const [host, sameSite] of sites) {
  test(`${host} connects by a cookie that holds a JWT: SameSite=${sameSite}`, async () => {
    const page = await open(host);
    await page.startSession(world.cookie, sameSite);
    wantConnected(await page.connectBySession(world.cookie));
  });

  test(`${host} connects by a cookie that the application vouches for: SameSite=${sameSite}`, async () => {
    const page = await open(host);
    await page.startSession(world.vouched, sameSite);
    wantConnected(await page.connectBySession(world.vouched));
  });

  test(`${host} gets a ticket for a cookie, and connects: SameSite=${sameSite}`, async () => {
    const page = await open(host);
    await page.startSession(world.api, sameSite);
    wantConnected(await page.connect('query', await page.issueBySession(world.api)));
  });
}

test('a page of another site does not get a cookie sent that is Lax', async () => {
  const page = await open('app.example.test');
  await page.startSession(world.cookie, 'Lax');
  const other = await open('app.other.test');
  wantRefused(await other.connectBySession(world.cookie));
  assert.deepEqual(await other.cookiesSent(world.cookie), []);
  wantConnected(await page.connectBySession(world.cookie));
});

for (const [host, sameSite] of [
  ['evil.example.test', 'Lax'],
  ['evil.other.test', 'None'],
]) {
  test(`${host} is refused although the cookie is sent: SameSite=${sameSite}`, async () => {
    const victim = await open('app.example.test');
    await victim.startSession(world.cookie, sameSite);
    const thief = await open(host);
    wantRefused(await thief.connectBySession(world.cookie));
    assert.deepEqual(await thief.cookiesSent(world.cookie), ['__Host-session']);
    wantConnected(await victim.connectBySession(world.cookie));
  });

  test(`${host} gets no ticket for a cookie: SameSite=${sameSite}`, async () => {
    const victim = await open('app.example.test');
    await victim.startSession(world.api, sameSite);
    const thief = await open(host);
    await assert.rejects(thief.issueBySession(world.api), /Failed to fetch/);
    assert.ok((await victim.issueBySession(world.api)).ticket);
  });
}
