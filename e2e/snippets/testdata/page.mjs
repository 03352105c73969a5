// Runs the code of README.md in a page for each case. It closes each socket after its
// greeting. Prints how many greetings there were in each, and why the code has stopped.
import { given, visit } from './browser.mjs';

await visit(async (page) => {
  const seen = [];
  for (const [number, jwt] of given.jwts.entries()) {
    await page.goto(`${given.url}?case=${number}`);
    await page.addScriptTag({ content: given.code });
    seen.push(await page.evaluate(async (jwt) => {
      let greetings = 0;
      const use = (socket) => {
        socket.onmessage = ({ data }) => {
          if (JSON.parse(data).type === 'hello') greetings++;
          socket.close();
        };
      };
      const ends = await stayConnected(async () => jwt, use).catch((err) => err.message);
      return { greetings, ends };
    }, jwt));
  }
  console.log(JSON.stringify(seen));
});
