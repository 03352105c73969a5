// The tour of the demo page, by clicks, by keyboard, and on a narrow screen.
import assert from 'node:assert/strict';
import test from 'node:test';

import { look, wantNoOverflow } from '../look.mjs';
import { context, observe, open, world } from './harness.mjs';

const step = (page, name) => page.locator(`[data-step="${name}"]`);
const main = (page, name) => step(page, name).locator('[data-action="main"]');
const badge = (page) => page.locator('[data-part="connection"]');

// done waits until a step was done, and went well.
async function done(page, name) {
  const found = step(page, name);
  await found.and(page.locator('[data-done]:not([aria-busy])')).waitFor();
  await found.locator('.said[data-mood="good"]').waitFor();
  return found;
}

// take does a step of which one button is all.
async function take(page, name) {
  await main(page, name).click();
  return done(page, name);
}

async function wantConnected(page) {
  await badge(page).and(page.locator('.good')).waitFor();
}

async function wantOneWinner(page) {
  const squares = step(page, 'race').locator('[data-status]');
  const statuses = await squares.evaluateAll((all) => all.map(({ dataset }) => dataset.status));
  assert.deepEqual([statuses.length, statuses.filter((status) => status === '101').length], [100, 1]);
  assert.equal(statuses.filter((status) => status === '401').length, 99);
}

// connect connects by a door, and waits for the greeting of another connection than before.
async function connect(page, door) {
  const ids = step(page, 'connect').locator('code');
  const before = await ids.allTextContents();
  await page.locator(`input[value="${door}"]`).check();
  await main(page, 'connect').click();
  await ids.filter({ hasText: /^[\w-]{22}$/, hasNotText: before.at(-1) ?? 'none' }).waitFor();
  await wantConnected(page);
}

test('the tour, by clicks', async () => {
  const page = await open();
  await look(page, 'demo');
  await page.getByLabel('Name').fill('ada');
  await take(page, 'sign-in');
  await (await take(page, 'ticket')).getByText(/^wst1_/).waitFor();
  for (const door of ['query', 'subprotocol', 'first_message', 'cookie', 'query']) await connect(page, door);
  await page.getByRole('textbox', { name: 'Message' }).fill('is anybody there?');
  await (await take(page, 'chat')).locator('[data-who="Application"]', { hasText: 'is anybody there?' }).waitFor();
  const logs = await take(page, 'logs');
  assert.doesNotMatch(await logs.locator('[data-mood="good"]').last().innerText(), /wst1_|eyJ/);
  await take(page, 'again');
  await wantConnected(page);
  await take(page, 'race');
  await wantOneWinner(page);
  await takeForReadme(page);
  await twoTabs(page);
  await take(page, 'sign-in');
  await renew(page);
  await (await take(page, 'receipt')).getByText(/wrong_origin/).waitFor();
  await connect(page, 'query');
  await look(page, 'demo-after-the-tour');
});

// takeForReadme takes the picture of the README: what logs keep, and the race.
async function takeForReadme(page) {
  if (!world.screenshots) return;
  await page.setViewportSize({ width: 1100, height: 900 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.evaluate(() => scrollTo(0, 0));
  const [logs, race] = await Promise.all(['logs', 'race'].map((name) => step(page, name).boundingBox()));
  const clip = { x: logs.x - 12, y: logs.y - 12, width: logs.width + 24, height: race.y + race.height - logs.y + 24 };
  await page.screenshot({ path: `${world.screenshots}/readme.png`, fullPage: true, clip });
}

// twoTabs opens a second tab, and signs out in the first one. Both connections end.
async function twoTabs(page) {
  const opened = context.waitForEvent('page');
  await step(page, 'sign-out').getByRole('link').click();
  const second = await opened;
  observe(second);
  await wantConnected(second);
  await take(page, 'sign-out');
  for (const tab of [page, second]) await badge(tab).and(tab.locator('.bad', { hasText: '4003' })).waitFor();
  await second.close();
}

// renew lets some of the minute pass, and moves its end.
async function renew(page) {
  const found = step(page, 'renew');
  const end = found.locator('.facts dd').first();
  await main(page, 'renew').click();
  const before = await end.innerText();
  await page.waitForFunction(() => document.querySelector('[data-step="renew"] progress').value < 58);
  await found.locator('[data-action="renew"]').click();
  await done(page, 'renew');
  assert.notEqual(await end.innerText(), before);
}

test('the race, by keyboard alone', async () => {
  const page = await open();
  await press(page, 'a.skip', 'Enter');
  await press(page, 'input[name="name"]', 'Enter');
  await done(page, 'sign-in');
  for (const name of ['ticket', 'connect', 'race']) {
    await press(page, `[data-step="${name}"] [data-action="main"]`, 'Space');
    await done(page, name);
  }
  await wantConnected(page);
  await wantOneWinner(page);
});

// press presses Tab until an element has the focus, which is to be seen, and then a key.
async function press(page, selector, key) {
  for (let tries = 0; tries < 60; tries++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate((selector) => {
      const { activeElement } = document;
      return activeElement.matches(selector) && getComputedStyle(activeElement).outlineStyle;
    }, selector);
    if (!at) continue;
    assert.notEqual(at, 'none', `no outline around ${selector}`);
    return page.keyboard.press(key);
  }
  assert.fail(`Tab does not lead to ${selector}`);
}

test('a phone of 360 pixels', async () => {
  const page = await open();
  await page.setViewportSize({ width: 360, height: 740 });
  await wantNoOverflow(page, 'the page');
  await page.getByLabel('Name').fill('m'.repeat(40));
  for (const name of ['sign-in', 'ticket', 'connect', 'chat', 'logs', 'again', 'race', 'receipt', 'sign-out']) {
    await take(page, name);
    await wantNoOverflow(page, name);
  }
});

test('another user takes nothing over', async () => {
  const page = await open();
  await take(page, 'sign-in');
  await take(page, 'ticket');
  await connect(page, 'query');
  await page.getByLabel('Name').fill('bob');
  await main(page, 'sign-in').click();
  await page.locator('[data-part="user"]', { hasText: 'bob' }).waitFor();
  assert.equal(await badge(page).and(page.locator('.good')).count(), 0);
  assert.equal(await step(page, 'ticket').getByText(/^wst1_/).count(), 0);
  await take(page, 'chat');
  await step(page, 'connect').locator('dd strong', { hasText: 'bob' }).waitFor();
  await take(page, 'sign-out');
  await badge(page).and(page.locator('.bad', { hasText: '4003' })).waitFor();
  assert.ok(await step(page, 'sign-out').getByRole('button', { name: 'Sign in again' }).evaluate((button) => button === document.activeElement));
});

test('a connection that is lost comes back by itself', async () => {
  const page = await open();
  let lose;
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    socket.connectToServer();
    lose = () => socket.close({ code: 1001 });
  });
  await take(page, 'sign-in');
  await take(page, 'connect');
  // The next ticket is held back. If its request failed, Chromium would print that.
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route('**/ws-ticket', (route) => released.then(() => route.continue()));
  const asked = page.waitForRequest('**/ws-ticket');
  await lose();
  await asked;
  const lost = badge(page).and(page.locator('.bad'));
  await lost.waitFor();
  await main(page, 'chat').click();
  await step(page, 'chat').locator('.said[data-mood="bad"]').waitFor();
  assert.ok(await lost.isVisible());
  release();
  await wantConnected(page);
  await take(page, 'chat');
});

test('a door that is closed cannot be chosen, and the steps do without it', async () => {
  const page = await open(world.closed);
  await take(page, 'sign-in');
  for (const door of ['query', 'first_message', 'cookie']) assert.ok(await page.locator(`input[value="${door}"]`).isDisabled());
  for (const name of ['ticket', 'connect', 'again', 'race', 'receipt']) await take(page, name);
  await wantConnected(page);
});
