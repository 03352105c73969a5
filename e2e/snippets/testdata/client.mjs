// Runs the first code of docs/client.md in a page for each case, until it is greeted or
// says that it is over. Prints how many greetings there were, and the last line.
import { given, visit } from './browser.mjs';

await visit(async (page) => {
  const seen = [];
  for (const [number, jwt] of given.jwts.entries()) {
    await page.goto(`${given.url}?case=${number}`);
    await page.evaluate((jwt) => { globalThis.jwt = jwt; }, jwt);
    const lines = [];
    const end = new Promise((resolve) => {
      page.on('console', (message) => {
        if (message.type() !== 'log') return; // Chromium reports what fails, too
        const text = message.text();
        lines.push(text);
        if (text.startsWith('over: ') || text.startsWith('{')) resolve();
      });
    });
    await page.addScriptTag({ content: given.code });
    await end;
    page.removeAllListeners('console');
    const states = lines.filter((text) => !text.startsWith('{'));
    seen.push({ greetings: lines.length - states.length, ends: states.at(-1) });
  }
  console.log(JSON.stringify(seen));
});
