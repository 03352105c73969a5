// Shows each case of standard input by the Node snippet.
import { text } from "node:stream/consumers";
import { consume } from "./snippet.mjs";

const out = [];
for (const { ticket, attempt, origin } of JSON.parse(await text(process.stdin))) {
  try {
    out.push((await consume(ticket, attempt, origin || undefined)) ?? "refused");
  } catch {
    out.push("unknown");
  }
}
console.log(JSON.stringify(out));
