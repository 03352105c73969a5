import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The program wsticket, built for this run. */
    wsticket: string;
  }
}

const repository = new URL("../..", import.meta.url).pathname;

/** Builds wsticket once per run. What it returns removes it again. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "wsticket-client-"));
  const binary = join(folder, "wsticket");
  await promisify(execFile)("go", ["build", "-o", binary, "./cmd/wsticket"], { cwd: repository });
  project.provide("wsticket", binary);
  return () => rm(folder, { recursive: true, force: true });
}
