// A page in Chromium. The first argument is a JSON object; see ../browser_test.go.
import { start } from '../../node/chromium.mjs';

export const given = JSON.parse(process.argv[2]);

// visit passes a page to use, and closes the browser.
export async function visit(use) {
  const { context, stop } = await start(given.chromium, given.profile);
  try {
    const page = await context.newPage();
    page.on('console', (message) => console.error(message.text()));
    await use(page);
  } finally {
    await stop();
  }
}
