// Builds the pages into dist/, which is committed: `make build` needs no Node.
// --check builds nothing and fails if dist/ is not what the sources make.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const pages = ["demo", "ops"];
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const { outputFiles } = await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: pages.flatMap((page) => [
    { in: `src/${page}/main.ts`, out: `${page}/main` },
    { in: `src/${page}/page.css`, out: `${page}/page` },
    { in: `src/${page}/index.html`, out: `${page}/index` },
  ]),
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".html": "copy" },
  write: false,
});

const built = new Map(outputFiles.map((file) => [file.path, Buffer.from(file.contents)]));
const stale = [];
for (const [path, contents] of built) {
  const present = await readFile(path).catch(() => undefined);
  if (present?.equals(contents)) continue;
  stale.push(path);
  if (!values.check) await writeFile(path, contents);
}
for (const page of pages) {
  const folder = `${import.meta.dirname}/dist/${page}/`;
  for (const name of await readdir(folder)) if (!built.has(folder + name)) stale.push(folder + name);
}
if (values.check && stale.length > 0) {
  console.error(`not what the sources make, run "make web": ${stale.join(", ")}`);
  process.exit(1);
}
