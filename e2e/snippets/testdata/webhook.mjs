// Verifies each case of standard input by the Node snippet.
import { text } from "node:stream/consumers";
import { verify } from "./snippet.mjs";

const cases = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(cases.map(({ secret, header, body }) => verify(secret, header, Buffer.from(body)))));
