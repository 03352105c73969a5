// @vitest-environment happy-dom
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createApp } from "vue";
import vectors from "../../testdata/vectors/client.json" with { type: "json" };
import { TicketSocket, type TicketSocketOptions, type TicketSource } from "../src/index.ts";
import { House, patience } from "./react-house.ts";

const client = join(import.meta.dirname, "..");

/** The code of the documents, in files that can import what it names. */
let folder: string;
let h: House;

beforeAll(async () => {
  folder = await mkdtemp(join(client, "test/.docs-"));
  for (const name of ["README.md", "../docs/client.md"]) {
    const blocks = codeOf(await readFile(join(client, name), "utf8"));
    expect(blocks.length, name).toBeGreaterThan(2);
    for (const [n, { kind, title, code }] of blocks.entries())
      await write(`${basename(name, ".md")}-${title || n}.${kind}`, code);
  }
  await write(
    "auth.d.ts",
    `export function getToken(o?: { force?: boolean; user?: string }): Promise<string>;
     export function currentUser(): { id: string } | undefined;`,
  );
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: {
      module: "ESNext",
      moduleResolution: "bundler",
      isolatedDeclarations: false,
      declaration: false,
    },
    include: ["*.ts", "*.tsx"],
  };
  await write("tsconfig.json", JSON.stringify(config));
});

afterAll(() => rm(folder, { recursive: true }));

beforeEach(() => {
  h = new House();
});

/** Returns the blocks of a document that are TypeScript. */
function codeOf(text: string): { kind: string; title: string; code: string }[] {
  return [...text.matchAll(/^```(tsx?)(?: (\w+))?\n(.*?)^```$/gms)].map(
    ([, kind = "", title = "", code = ""]) => ({
      kind,
      title,
      code,
    }),
  );
}

/** Writes a file that has the sources of this package where it names the package. */
async function write(name: string, code: string): Promise<void> {
  const here = code
    .replaceAll('"@wsticket/client"', JSON.stringify(join(client, "src/index.ts")))
    .replaceAll('"@wsticket/client/react"', JSON.stringify(join(client, "src/react.ts")));
  await writeFile(join(folder, name), here);
}

test("the code of the documents compiles", async () => {
  const tsc = join(client, "node_modules/typescript/bin/tsc");
  const output = ({ stdout }: { stdout: string }) => stdout;
  expect(await promisify(execFile)(process.execPath, [tsc, "-p", folder]).then(output, output)).toBe("");
});

test("the README has every option", async () => {
  const readme = await readFile(join(client, "README.md"), "utf8");
  const [, ofSource = "", ofSocket = ""] = readme.split(/^Of `.*`:$/m);
  const told = (text: string) =>
    [...(text.split("\n#")[0] ?? "").matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, names = ""]) =>
      names.replaceAll("`", "").split(", "),
    );
  const taken = async (file: string, name: string) => {
    const code = await readFile(join(client, "src", file), "utf8");
    const [, members = ""] = code.match(new RegExp(`interface ${name} .*?\\{\\n(.*?)^\\}`, "ms")) ?? [];
    return [...members.matchAll(/^ {2}readonly (\w+)\?/gm)].map(([, option]) => option);
  };
  expect(told(ofSource).sort()).toEqual((await taken("source.ts", "TicketSourceOptions")).sort());
  const both = [
    ...(await taken("connect.ts", "ConnectOptions")),
    ...(await taken("socket.ts", "TicketSocketOptions")),
  ];
  expect(told(ofSocket).sort()).toEqual(both.sort());
});

test("the guide says of each close code what a client does", async () => {
  const guide = await readFile(join(client, "../docs/client.md"), "utf8");
  const told = new Map<string, string>();
  for (const [, codes = "", action = ""] of guide.matchAll(/^\| ([\d, ]+|any other) \| `(\w+)`/gm))
    for (const code of codes.split(", ")) told.set(code, action);
  for (const { code, action } of vectors.closes)
    expect(told.get(String(code)) ?? told.get("any other"), String(code)).toBe(action);
});

test("the code for Vue is connected while its component is there", async () => {
  type Vue = {
    useTicketSocket(s: TicketSource, o?: TicketSocketOptions): { state: { value: string } };
  };
  const { useTicketSocket }: Vue = await import(join(folder, "client-vue.ts"));
  const box = document.createElement("div");
  const source = h.source("alice");
  const app = createApp({
    setup() {
      const { state } = useTicketSocket(source, h.options);
      return () => state.value;
    },
  });
  app.mount(box);
  await vi.waitFor(() => expect(h.sockets).toHaveLength(1), patience);
  await h.open();
  await vi.waitFor(() => expect(box.textContent).toBe("open"), patience);
  app.unmount();
  await h.lives(0);
});

test("the code for Svelte is connected while somebody subscribes", async () => {
  type View = { socket?: TicketSocket; state: string };
  type Svelte = {
    ticketSocket(
      s: TicketSource,
      o?: TicketSocketOptions,
    ): { subscribe(run: (view: View) => void): () => void };
  };
  const { ticketSocket }: Svelte = await import(join(folder, "client-svelte.ts"));
  const store = ticketSocket(h.source("alice"), h.options);
  store.subscribe(() => {})(); // as on a server
  let last: View | undefined;
  const leave = store.subscribe((view) => {
    last = view;
  });
  await vi.waitFor(() => expect(h.sockets).toHaveLength(1), patience);
  await h.open();
  expect(last?.state).toBe("open");
  expect(last?.socket).toBeInstanceOf(TicketSocket);
  leave();
  await h.lives(0);
  expect(h.asked).toHaveLength(1);
});
