// The demo page of ../../browser_demo_test.go, which is at demo in its world, and at closed
// that of a process with one door.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';

import { context, harvest, visit, world } from '../browser.mjs';

export { context, world };

// faults are what the page has done wrong: a policy that was violated, a request to
// another host, and an error in the console.
const faults = [];

afterEach(() => assert.deepEqual(faults.splice(0), []));

// open opens the page, or that of another process.
export async function open(address = world.demo) {
  const page = await visit(address, async (page) => {
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`policy: ${violatedDirective} ${blockedURI}`),
      );
    });
    observe(page);
    await harvest(page);
  });
  page.setDefaultTimeout(60_000);
  return page;
}

// observe collects the faults of a page. What Chromium prints of a handshake that is
// refused is none.
export function observe(page) {
  page.on('request', (request) => {
    if (new URL(request.url()).hostname !== 'localhost') faults.push(`request to ${request.url()}`);
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    const refused = message.text().startsWith("WebSocket connection to '");
    if (message.type() === 'error' && !refused) faults.push(message.text());
  });
}
