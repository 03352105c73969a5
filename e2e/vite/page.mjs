// Uses the page of the project at each of its URLs, and prints what it asked for and
// showed. See ../vite_test.go.
import { given, visit } from '../snippets/testdata/browser.mjs';

await visit(async (page) => {
  page.setDefaultTimeout(0); // the test has a deadline
  let result;
  let socket;
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/ws-ticket')) result.tickets++;
  });
  page.on('websocket', (opened) => {
    result.sockets++;
    socket = opened;
  });
  page.on('pageerror', (error) => result.faults.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) result.faults.push(message.text());
  });
  const results = [];
  for (const url of given.urls) {
    result = { tickets: 0, sockets: 0, messages: [], effects: 0, faults: [] };
    results.push(result);
    await page.goto(url);
    await shows(page, 'open');
    await page.getByRole('button', { name: 'Say hello' }).click();
    await page.getByRole('listitem').filter({ hasText: 'hello from React' }).waitFor();
    result.messages = await page.getByRole('listitem').allTextContents();
    result.effects = Number(await page.locator('html').getAttribute('data-effects'));
    const closed = socket.waitForEvent('close');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await shows(page, 'closed');
    await closed;
  }
  console.log(JSON.stringify(results));
});

function shows(page, state) {
  return page.getByRole('status').filter({ hasText: state }).waitFor();
}
