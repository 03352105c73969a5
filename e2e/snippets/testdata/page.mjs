// Runs the code of README.md in a page. It closes each socket after its greeting. Prints
// how many greetings there were, and why the code has stopped.
import { given, visit } from './browser.mjs';

await visit(given.url, async (page) => {
  await page.addScriptTag({ content: given.code });
  const seen = await page.evaluate(async (jwt) => {
    let greetings = 0;
    const use = (socket) => {
      socket.onmessage = ({ data }) => {
        if (JSON.parse(data).type === 'hello') greetings++;
        socket.close();
      };
    };
    const ends = await stayConnected(async () => jwt, use).catch((err) => err.message);
    return { greetings, ends };
  }, given.jwt);
  console.log(JSON.stringify(seen));
});
