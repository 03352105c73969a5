// Prints what the package costs a page, gzipped, and fails if that is too much. React is
// not counted, and neither is the core again for those who also use the hook.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const core = await gzipped("dist/index.js");
const hook = (await gzipped("dist/react.js")) - core;
let fits = true;
check("core", core, 4096);
check("react", hook, 800);
if (!fits) process.exit(1);

/** The size of a bundle with all that a file exports, in bytes. */
async function gzipped(file) {
  const { outputFiles } = await build({
    absWorkingDir: import.meta.dirname,
    stdin: {
      // With the core in both, their difference is the hook.
      contents: `export * from "./dist/index.js"; export * from "./${file}";`,
      resolveDir: import.meta.dirname,
    },
    external: ["react"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

function check(what, size, limit) {
  console.log(`${what}: ${size} of ${limit} bytes`);
  if (size > limit) fits = false;
}
