// The page of docs/sessions.md, as it stands there, with the configuration that stands
// there; and the same behind a staging site that asks for Basic, which the browser then
// sends with every request and handshake.
import test from 'node:test';

import { open, openStaging, wantGreeted, world } from './harness.mjs';

test('the page of docs/sessions.md works with its own configuration', async () => {
  const page = await open('app.example.test');
  await page.startSession(world.documents, 'Lax');
  wantGreeted(await page.run(world.pageCode, world.documents));
});

test('its cookie alone opens the door that is open by default', async () => {
  const page = await open('app.example.test');
  await page.startSession(world.documents, 'Lax');
  wantGreeted(await page.run('const socket = new WebSocket("wss://api.example.com/ws");', world.documents));
});

test('it works on a staging site behind Basic', async () => {
  const page = await openStaging();
  await page.startSessionAt(world.staging, 'Lax');
  wantGreeted(await page.run(world.pageCode, world.staging));
  wantGreeted(await page.run('const socket = new WebSocket("wss://api.example.com/ws");', world.staging));
});
