// A page in Chromium. The first argument is a JSON object; see ../browser_test.go.
import { chromium } from '../../node/playwright.mjs';

export const given = JSON.parse(process.argv[2]);

// visit opens a page, passes it to use, and closes the browser.
export async function visit(url, use) {
  const browser = await chromium.launch({
    executablePath: given.chromium,
    chromiumSandbox: false, // root cannot use it
    args: ['--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
  try {
    const page = await browser.newPage();
    page.on('console', (message) => console.error(message.text()));
    await page.goto(url);
    await use(page);
  } finally {
    await browser.close();
  }
}
