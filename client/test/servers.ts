import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, inject } from "vitest";

/** The origin whose page may use the services of the tests. */
export const origin = "https://app.example.com";
const issuer = "https://id.example.com";
const audience = "ws";

/** Settings of a bearer. Times in seconds. */
export interface BearerSettings {
  readonly sub?: string;
  readonly ttl?: number;
  /** How much later than now it says that it was issued; up to the leeway. */
  readonly later?: number;
  readonly scope?: string;
}

const running = new Set<Program>();
const folders: string[] = [];

process.once("exit", () => {
  for (const program of running) program.kill();
});
afterAll(async () => {
  await Promise.all([...running].map((program) => program.stop()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

/** A wsticket that runs. It is stopped when the tests of the file are done. */
export class Program {
  /** Addresses, host:port. */
  public = "";
  internal = "";
  /** What it has written, standard output and error. */
  output = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(args: readonly string[]) {
    // Of this process's environment it gets only what it needs to start.
    const { PATH, HOME } = process.env;
    this.#child = spawn(inject("wsticket"), args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH, HOME } });
    this.#exited = once(this.#child, "exit");
    running.add(this);
    this.#exited.finally(() => running.delete(this)).catch(() => {});
    this.#child.stderr?.on("data", (text) => {
      this.output += text;
    });
  }

  /** Starts wsticket and waits for its start line. */
  static async start(args: readonly string[]): Promise<Program> {
    const program = new Program(args);
    await program.#listening();
    return program;
  }

  #listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
      lines.on("line", (line) => {
        this.output += `${line}\n`;
        if (!line.startsWith('{"event":"listening"')) return;
        const said = JSON.parse(line) as { public: string; internal: string };
        this.public = said.public;
        this.internal = said.internal;
        resolve();
      });
      const fail = () => reject(new Error(`wsticket did not start:\n${this.output}`));
      this.#exited.then(fail, fail);
    });
  }

  /** Asks it to end, as `kill` does, and waits until it has. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#exited;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** A running service with what its tests need: addresses, bearers, an operator. */
export class Service {
  program: Program;
  readonly #restart: () => Promise<Program>;
  readonly #secret: Buffer;
  readonly #key: string;

  constructor(program: Program, restart: () => Promise<Program>, secret: Buffer, key: string) {
    this.program = program;
    this.#restart = restart;
    this.#secret = secret;
    this.#key = key;
  }

  get base(): string {
    return `http://${this.program.public}`;
  }

  /** Where tickets are had. */
  get ticketUrl(): string {
    return `${this.base}/ws-ticket`;
  }

  /** The WebSocket, without a ticket. */
  get socketUrl(): string {
    return `ws://${this.program.public}/ws`;
  }

  /** Stops the service and starts it again on the same port. */
  async restart(meanwhile?: () => Promise<void>): Promise<void> {
    await this.program.stop();
    await meanwhile?.();
    this.program = await this.#restart();
  }

  /** A bearer as an identity provider signs it. */
  bearer({ sub = "alice", ttl = 3600, later = 0, scope }: BearerSettings = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      aud: audience,
      sub,
      iat: now + later,
      exp: now + ttl,
      jti: randomBytes(12).toString("hex"),
      scope,
    };
    const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
    return `${signed}.${createHmac("sha256", this.#secret).update(signed).digest("base64url")}`;
  }

  /** Calls the internal listener with the key of an operator. */
  async operate(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json" };
    const response = await fetch(`http://${this.program.internal}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  /**
   * Revokes what a user has obtained until now. A bearer that is signed with
   * `later: 1` is newer than that.
   */
  async revoke(sub: string, action: "end" | "recheck"): Promise<void> {
    await this.operate("POST", "/revocations", { sub, action, before: new Date().toISOString() });
  }

  /** IDs of the open connections of a user. */
  async connections(sub: string): Promise<string[]> {
    const answer = await this.operate("GET", `/connections?sub=${encodeURIComponent(sub)}`);
    const page = (await answer.json()) as { connections: { connection_id: string }[] };
    return page.connections.map((connection) => connection.connection_id);
  }
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/**
 * Starts `wsticket serve` in memory: one issuer whose bearers the test signs,
 * the session cookie `session`, an operator's key, and all doors.
 *
 * @param ws Settings of `ws` that differ.
 */
export async function serve(ws: Record<string, unknown> = {}): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), "wsticket-client-"));
  folders.push(folder);
  const secret = randomBytes(32);
  const key = randomBytes(32).toString("hex");
  const file = join(folder, "wsticket.yaml");
  await writeFile(join(folder, "issuer.secret"), secret.toString("base64url"), { mode: 0o600 });
  await writeFile(file, JSON.stringify(configuration(key, ws)));
  const port = await freePort();
  const start = () =>
    Program.start(["serve", "--config", file, "--public", `127.0.0.1:${port}`, "--internal", "127.0.0.1:0"]);
  return new Service(await start(), start, Buffer.from(secret.toString("base64url")), key);
}

// JSON is YAML, too.
function configuration(key: string, ws: Record<string, unknown>): object {
  return {
    public: { hosts: ["127.0.0.1"] },
    store: { url: "memory:" },
    origins: [origin],
    session: { cookie: "session", jwt: true },
    issuers: [{ issuer, audience: [audience], algorithms: ["HS256"], hmac_secret_file: "issuer.secret" }],
    internal: {
      api_keys: [
        { name: "ops", sha256: createHash("sha256").update(key).digest("hex"), scopes: ["revoke", "read"] },
      ],
    },
    // The limits are not what these tests are about, and all of them come from one address.
    limits: { per_address: "0", per_subject: "0" },
    ws: {
      doors: ["query", "subprotocol", "header", "cookie", "first_message"],
      drain_window: "1s",
      expiry_notice: "3s",
      ...ws,
    },
  };
}

/** Starts `wsticket dev` and returns it with the bearer that it prints. */
export async function dev(): Promise<{ program: Program; bearer: string }> {
  const program = await Program.start(["dev", "--public", "127.0.0.1:0", "--internal", "127.0.0.1:0"]);
  await until(() => /Bearer ey/.test(program.output));
  return { program, bearer: /Bearer (ey[\w.-]+)/.exec(program.output)?.[1] ?? "" };
}

/**
 * A free port of the loopback interface that the system gives nobody else while
 * a service restarts: it is below the range of port 0.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const probe = createServer().listen(port, "127.0.0.1");
    const free = await once(probe, "listening").then(
      () => true,
      () => false,
    );
    probe.close();
    if (free) return port;
  }
}

/** Waits until a condition holds. The test's own deadline ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
