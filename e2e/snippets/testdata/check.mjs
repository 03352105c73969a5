// Verifies each case of standard input by the Node snippet.
import { text } from "node:stream/consumers";
import { verify } from "./snippet.mjs";

const out = [];
for (const { assertion, id } of JSON.parse(await text(process.stdin))) {
  try {
    out.push(await verify({ "x-wsticket-assertion": assertion, "x-wsticket-id": id }));
  } catch (err) {
    out.push(String(err));
  }
}
console.log(JSON.stringify(out));
