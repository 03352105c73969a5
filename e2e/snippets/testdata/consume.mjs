// Shows each case of standard input by the Node snippet, or with an argument checks the
// key.
import { text } from "node:stream/consumers";
import { Unknown, checkKey, consume } from "./snippet.mjs";

if (process.argv.length > 2) {
  await checkKey();
  process.exit(0);
}
const out = [];
for (const { ticket, attempt, origin } of JSON.parse(await text(process.stdin))) {
  try {
    out.push((await consume(ticket, attempt, origin || undefined)) ?? "refused");
  } catch (err) {
    if (!(err instanceof Unknown)) throw err;
    out.push(`unknown: ${err.message}`);
  }
}
console.log(JSON.stringify(out));
