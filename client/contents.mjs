// Fails if the package that npm would publish has other files than it should, or lacks one.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const modules = readdirSync(`${import.meta.dirname}/src`, { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -".ts".length));
const wanted = new Set([
  ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
  ...modules.flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`]),
]);

const [{ files }] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: import.meta.dirname, encoding: "utf8" }),
);
const packed = new Set(files.map(({ path }) => path));
const faults = [
  ...[...packed].filter((name) => !wanted.has(name)).map((name) => `${name} should not be there`),
  ...[...wanted].filter((name) => !packed.has(name)).map((name) => `${name} is missing`),
];
if (read("LICENSE") !== read("../LICENSE")) faults.push("LICENSE is not that of the repository");
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);

function read(name) {
  return readFileSync(`${import.meta.dirname}/${name}`, "utf8");
}
