import { inspect } from "node:util";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type Door, TicketSocket, type TicketSource, ticketSource, ticketWebSocket } from "../src/index.ts";
import * as bad from "./bad-server.ts";
import { openTicketSockets, record } from "./events.ts";
import { until } from "./servers.ts";
import { implementations } from "./sockets.ts";

// Nothing of a ticket, a bearer or a message may be written anywhere: these are what to look for.
const bearer = "eyJhbGciOiJFUzI1NiJ9.c2VjcmV0LWJlYXJlcg.c2lnbmF0dXJl";
const received = "frame-of-the-server-8F2A";
const sent = "frame-of-the-client-77C1";
const secrets = [/wst1_/, new RegExp(bearer), new RegExp(received), new RegExp(sent)];

const sockets = openTicketSockets();
const written: string[] = [];
let server: bad.BadServer;
beforeAll(async () => {
  server = await bad.BadServer.start();
});
beforeEach(() => {
  written.length = 0;
  server.tickets.set(bad.ticket());
  server.receipts.set(bad.problem(404, "not_found"));
  server.renewals.set(bad.problem(404, "not_found"));
  const note = (...args: unknown[]) => {
    written.push(args.map((arg) => (typeof arg === "string" ? arg : everything(arg))).join(" "));
    return true;
  };
  for (const method of ["log", "info", "warn", "error", "debug", "trace", "dir", "table"] as const) {
    vi.spyOn(console, method).mockImplementation(note);
  }
  vi.spyOn(process.stdout, "write").mockImplementation(note as never);
  vi.spyOn(process.stderr, "write").mockImplementation(note as never);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** All that can be read of a value: by inspection, as JSON, as text, and each field, inherited ones, too. */
function everything(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const fields: string[] = [];
  for (let at = value; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const field = (value as Record<string, unknown>)[name];
      // The target of an event is the socket of the test, and a message has its data.
      if (field instanceof EventTarget || typeof field === "function" || name === "data") continue;
      fields.push(`${name}: ${inspect(field, { depth: 5 })}`);
    }
  }
  const { stack = "" } = value as Partial<Error>;
  return [String(value), stack, inspect(value, { depth: 5 }), fields.join("\n")].join("\n");
}

/** The public fields of a socket. */
function fieldsOf(socket: TicketSocket): string {
  const { url, id, state, readyState, protocol, bufferedAmount } = socket;
  return inspect({ url, id, state, readyState, protocol, bufferedAmount });
}

/** Looks for secrets in what was said to the application and to everybody. */
function expectSilence(said: readonly unknown[]): void {
  const text = [...written, ...said.map(withoutReceipt).map(everything)].join("\n");
  for (const secret of secrets) expect(text).not.toMatch(secret);
}

const echo = JSON.stringify({
  code: `Bearer ${bearer}`,
  detail: bearer,
  title: bearer,
  state: bearer,
  reason: bearer,
});
const doors: readonly Door[] = ["query", "subprotocol", "first_message", "header"];

/** Without the receipt: that is what the service itself says of a ticket, word for word. */
function withoutReceipt(value: unknown): unknown {
  if (typeof value === "object" && value !== null && "receipt" in value)
    Object.assign(value, { receipt: undefined });
  return value;
}

/** A source whose errors and judgements are noted, too. */
function noted(said: unknown[]): TicketSource {
  const source = ticketSource(server.ticketUrl, { bearer: () => bearer, timeout: 300 });
  const note = (error: unknown) => {
    said.push(error);
    throw error;
  };
  return {
    ...source,
    next: (signal) => source.next(signal).catch(note),
    receipt: (id, signal) => source.receipt(id, signal).catch(note),
    renew: (id, signal) => source.renew(id, signal).catch(note),
    judge: (failure) => {
      const judgement = source.judge(failure);
      said.push(judgement);
      return judgement;
    },
  };
}

/** Plays a few attempts of a socket, and returns all that it has said. */
async function play(options: { door?: Door; WebSocket: never }, attempts: number): Promise<unknown[]> {
  const said: unknown[] = [];
  const socket = sockets.add(
    new TicketSocket(noted(said), {
      ...options,
      connectTimeout: 300,
      drainWindow: 5,
      backoff: { base: 1, max: 5, attempts },
    }),
  );
  const events = record(socket);
  socket.addEventListener("statechange", () => said.push(fieldsOf(socket)));
  socket.addEventListener("open", () => socket.send(sent));
  said.push(await socket.ready.then(fieldsOf.bind(undefined, socket), (error) => error));
  said.push(await socket.closed);
  return [...said, ...events];
}

test.each(implementations)(
  "a connection at each door, its messages and its end, with %s",
  async (_, WebSocket) => {
    const ok = JSON.stringify({
      type: "auth_ok",
      userId: bearer,
      connectionId: "c",
      expiresAt: "2099-01-01T00:00:00Z",
    });
    for (const door of doors) {
      server.handshakes.set(
        bad.open((peer) => {
          if (door === "first_message") peer.once("message", () => peer.send(ok));
          setTimeout(() => {
            peer.send(received);
            peer.close(1011);
          }, 30);
        }),
      );
      expectSilence(await play({ door, WebSocket: WebSocket as never }, 1));
    }
  },
);

const answers: [string, bad.Answer][] = [
  ["echoes of the bearer with 400", bad.answer(400, echo)],
  ["echoes of the bearer with 401", bad.answer(401, echo)],
  ["echoes of the bearer with 403", bad.answer(403, echo)],
  ["echoes of the bearer with 500", bad.answer(500, echo, { "Retry-After": bearer })],
  ["echoes of the bearer with 429", bad.answer(403, echo, { "Retry-After": bearer, Location: `/${bearer}` })],
  ["echoes of the bearer as text", bad.answer(201, bearer)],
  ["a ticket of another host", bad.ticket({ url: `ws://evil.example/ws?ticket=wst1_${"A".repeat(49)}` })],
  ["a ticket at no URL", bad.ticket({ url: `ws://[?ticket=wst1_${"A".repeat(49)}` })],
  ["a ticket at a port that is none", bad.ticket({ url: `ws://x:99999/?ticket=wst1_${"A".repeat(49)}` })],
  ["a ticket in a number's place", bad.ticket({ expires_in: `wst1_${"A".repeat(49)}` })],
  ["a ticket that is none", bad.ticket({ ticket: `wst1_${"A".repeat(500)}` })],
  ["no answer", bad.hang()],
  ["a cut", bad.reset()],
];
test.each(answers)("answers that are no ticket: %s", async (_, step) => {
  server.tickets.set(step);
  expectSilence(await play({ WebSocket: implementations[0]?.[1] as never }, 1));
});

const shakes: [string, bad.Handshake, bad.Answer][] = [
  ["401 and an echo as its receipt", bad.refuse(401), bad.answer(200, echo)],
  [
    "403 and an origin in its receipt",
    bad.refuse(403),
    bad.answer(200, JSON.stringify({ state: "pending", reason: `origin ${bearer}` })),
  ],
  ["403 and no receipt", bad.refuse(403), bad.hang()],
  ["nothing", bad.hangHandshake(), bad.problem(500, "internal")],
];
test.each(shakes)("handshakes that are answered with %s", async (_, shake, receipt) => {
  server.handshakes.set(shake);
  server.receipts.set(receipt);
  for (const [, WebSocket] of implementations)
    expectSilence(await play({ WebSocket: WebSocket as never }, 1));
});

test("a constructor that quotes what it was given", async () => {
  class Quoting {
    constructor(...given: unknown[]) {
      throw new DOMException(`refused to connect to ${inspect(given)}`, "SecurityError");
    }
  }
  for (const door of doors) {
    expectSilence(await play({ door, WebSocket: Quoting as never }, 1));
  }
});

test("a fetch that quotes what it was given", async () => {
  const fetch: typeof globalThis.fetch = (url, init) =>
    Promise.reject(new TypeError(`${url} ${inspect(init)}`));
  const source = ticketSource(server.ticketUrl, { bearer: () => bearer, fetch });
  const said: unknown[] = [];
  for (const asked of [source.next(), source.receipt("A".repeat(22)), source.renew("A".repeat(22))]) {
    said.push(await asked.catch((error: unknown) => error));
  }
  expect(said).toHaveLength(3);
  expectSilence(said);
});

test("a renewal that fails", async () => {
  server.handshakes.set(bad.open());
  server.renewals.set(bad.answer(503, echo), bad.answer(200, echo));
  const said: unknown[] = [];
  const source = noted(said);
  const soon: TicketSource = {
    ...source,
    next: async (signal) => ({ ...(await source.next(signal)), connectionExpiresAt: Date.now() + 6_000 }),
  };
  const before = server.renewals.taken;
  const socket = sockets.add(new TicketSocket(soon, { WebSocket: implementations[0]?.[1] as never }));
  const events = record(socket);
  await until(() => server.renewals.taken > before && said.length > 0);
  expectSilence([...said, ...events]);
});

test("the class for libraries", async () => {
  server.tickets.set(bad.answer(403, echo), bad.ticket());
  server.handshakes.set(bad.refuse(403));
  const said: unknown[] = [];
  const WS = ticketWebSocket(noted(said), { WebSocket: implementations[0]?.[1] as never });
  for (let i = 0; i < 2; i++) {
    const socket = new WS(`ws://${server.host}/socket?vsn=2`);
    const closed = new Promise((resolve) => {
      socket.onclose = resolve;
    });
    said.push(...record(socket as unknown as EventTarget), await closed);
  }
  expectSilence(said);
});

test("what these tests look for is found where it is", () => {
  console.warn(`${received}`);
  expect(() => expectSilence([])).toThrow();
  written.length = 0;
  expect(() => expectSilence([Object.assign(new Event("x"), { why: bearer })])).toThrow();
  expect(() => expectSilence([new Error("x", { cause: sent })])).toThrow();
});
