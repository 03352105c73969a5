// Runs code in a page for each case, until it is greeted or says that it is over. Prints
// how many greetings there were, and the last other line.
import { given, visit } from './browser.mjs';

await visit(async (page) => {
  const seen = [];
  for (const [number, { jwt, code }] of given.visits.entries()) {
    await page.goto(`${given.url}?case=${number}`);
    await page.evaluate((jwt) => { globalThis.jwt = jwt; }, jwt);
    const lines = [];
    const isLast = (message) => {
      if (message.type() !== 'log') return false; // Chromium reports what fails, too
      lines.push(message.text());
      return /^(over: |{)/.test(message.text());
    };
    const end = page.waitForEvent('console', { predicate: isLast, timeout: 0 }); // the test has a deadline
    await page.addScriptTag({ content: code });
    await end;
    const states = lines.filter((text) => !text.startsWith('{'));
    seen.push({ greetings: lines.length - states.length, ends: states.at(-1) });
  }
  console.log(JSON.stringify(seen));
});
