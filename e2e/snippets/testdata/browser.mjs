// A page in Chromium. The first argument is a JSON object; see ../browser_test.go.
import { chromium } from '../../node/playwright.mjs';

export const given = JSON.parse(process.argv[2]);

// visit passes a page to use, and closes the browser.
export async function visit(use) {
  const browser = await launch().catch(launch);
  try {
    const page = await browser.newPage();
    page.on('console', (message) => console.error(message.text()));
    await use(page);
  } finally {
    await browser.close();
  }
}

// launch starts Chromium, which crashes now and then when it starts on a busy machine.
function launch() {
  return chromium.launch({
    executablePath: given.chromium,
    chromiumSandbox: false, // root cannot use it
    args: ['--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
}
