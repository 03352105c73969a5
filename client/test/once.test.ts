import { describe, expect, test, vi } from "vitest";
import { type TicketWebSocket, ticketWebSocket } from "../src/index.ts";
import { record } from "./events.ts";
import { hang, json, networkError, problem, ticket } from "./model.ts";
import { pass, worlds } from "./world.ts";

const world = worlds();

/** A socket as a library makes it. */
function made(url?: string | null, protocols?: string | string[], source = world().source()) {
  const WS = ticketWebSocket(source, { WebSocket: world().model.WebSocket as never });
  const socket = protocols === undefined ? new WS(url) : new WS(url, protocols);
  return { WS, socket, events: record(socket as unknown as EventTarget), source };
}

/** Closes at once, so that a test leaves nothing. */
const closed = (socket: TicketWebSocket) => {
  socket.close();
  return pass(4_000);
};

test("it has the shape of a WebSocket", async () => {
  const { WS, socket, events } = made();
  expect([WS.CONNECTING, WS.OPEN, WS.CLOSING, WS.CLOSED]).toEqual([0, 1, 2, 3]);
  expect([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED]).toEqual([0, 1, 2, 3]);
  expect(socket.readyState).toBe(0);
  expect([socket.bufferedAmount, socket.protocol]).toEqual([0, ""]);
  const seen: unknown[] = [];
  socket.onopen = (event) => seen.push(event.type);
  socket.onmessage = (event) => seen.push(event.data);
  socket.onclose = (event) => seen.push(event.code, event.reason);
  socket.onerror = () => seen.push("error");
  await pass();
  expect(socket.readyState).toBe(1);
  expect(socket.url).toBe("wss://api.example.com/ws");
  world().model.last.serverSend("hello");
  world().model.last.serverClose(4444, "over");
  await pass();
  expect(socket.readyState).toBe(3);
  expect(seen.filter((one) => one !== "error")).toEqual(["open", "hello", 4444, "over"]);
  expect(events.at(-1)?.type).toBe("close");
});

test("the library's URL is kept, with the ticket added", async () => {
  made("wss://api.example.com/socket/websocket?vsn=2.0.0");
  await pass();
  const url = new URL(world().model.last.url);
  expect(url.pathname).toBe("/socket/websocket");
  expect(url.searchParams.get("vsn")).toBe("2.0.0");
  expect(url.search).toMatch(/^\?vsn=2\.0\.0&ticket=wst1_[\w-]{49}$/);
});

test.each([undefined, null, ""])("with %o as URL it goes where the server says", async (url) => {
  made(url);
  await pass();
  expect(world().model.last.url).toMatch(/^wss:\/\/api\.example\.com\/ws\?ticket=wst1_/);
});

test("the library's protocols are offered", async () => {
  made("wss://api.example.com/graphql", "graphql-transport-ws");
  await pass();
  expect(world().model.last.protocols).toEqual(["graphql-transport-ws"]);
  made("wss://api.example.com/graphql", ["a", "b"]);
  await pass();
  expect(world().model.last.protocols).toEqual(["a", "b"]);
});

test("a URL of another host gets no ticket", async () => {
  const { socket, events } = made("wss://evil.example/socket");
  await pass();
  expect(world().model.sockets).toHaveLength(0);
  expect(socket.readyState).toBe(3);
  expect(events.at(-1)).toMatchObject({ type: "close", code: 1008 });
});

describe("a ticket that is refused is a close event", () => {
  const cases: [string, () => Promise<Response>, number, string, boolean][] = [
    ["403", () => problem(403, "insufficient_scope"), 1008, "insufficient_scope", false],
    ["401", () => problem(401, "invalid_token"), 4003, "invalid_token", false],
    ["429", () => problem(429, "rate_limited", { "Retry-After": "1" }), 1013, "rate_limited", true],
    ["503", () => problem(503, "unavailable"), 1013, "unavailable", true],
    ["500", () => problem(500, "internal"), 1013, "internal", true],
    ["the network", networkError, 1006, "network", true],
    ["no ticket in the answer", () => json(200, {}), 1006, "bad_answer", true],
  ];
  test.each(cases)("%s", async (_, answer, code, reason, again) => {
    world().model.onTicket = answer;
    const { socket, events, source } = made();
    await pass(3600_000);
    expect(socket.readyState).toBe(3);
    const closes = events.filter(({ type }) => type === "close");
    expect(closes).toHaveLength(1);
    expect(closes[0]).toMatchObject({ code, reason, wasClean: false });
    expect(source.shouldRetry(closes[0])).toBe(again);
    expect(events.map(({ type }) => type)).not.toContain("open");
    // One ticket, one connection; 401 has asked with a fresh bearer before.
    expect(world().model.ticketRequests).toHaveLength(code === 4003 ? 2 : 1);
    expect(world().model.sockets).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test.each([1000, 1001, 1006, 1011, 1013, 4001, 4003, 4008, 4009, 4010, 4500])(
  "after close code %i it does not reconnect: the library does",
  async (code) => {
    const { socket, events, source } = made();
    await pass();
    world().model.last.serverClose(code);
    await pass(3600_000);
    expect(socket.readyState).toBe(3);
    expect(world().model.sockets).toHaveLength(1);
    const close = events.at(-1);
    expect(close).toMatchObject({ type: "close", code });
    expect(source.shouldRetry(close)).toBe(![1000, 4003, 4010].includes(code));
    expect(vi.getTimerCount()).toBe(0);
  },
);

test("after 4008 the next one has a fresh bearer", async () => {
  const reasons: string[] = [];
  const source = world().source({
    bearer: ({ reason }) => {
      reasons.push(reason);
      return "a-bearer";
    },
  });
  made(null, undefined, source);
  await pass();
  world().model.last.serverClose(4008, "wsticket: the bearer's lifetime ended");
  await pass();
  const { socket } = made(null, undefined, source);
  await pass();
  expect(socket.readyState).toBe(1);
  expect(reasons).toEqual(["connect", "rejected"]);
});

test("a page that is put away ends it, and it does not come back by itself", async () => {
  const { socket, events } = made();
  await pass();
  world().page.hide();
  await pass(1_000);
  world().page.show();
  await pass(3600_000);
  expect(world().model.sockets).toHaveLength(1);
  expect(socket.readyState).toBe(3);
  expect(events.filter(({ type }) => type === "open")).toHaveLength(1);
  expect(events.at(-1)?.type).toBe("close");
});

test("close() while the ticket is on its way aborts that, and makes no socket", async () => {
  world().model.onTicket = hang;
  const { socket, events } = made();
  await pass();
  socket.close(4321, "not any more");
  expect(socket.readyState).toBe(2);
  await pass();
  expect(world().model.aborted).toBe(1);
  expect(world().model.sockets).toHaveLength(0);
  expect(socket.readyState).toBe(3);
  expect(events.filter(({ type }) => type === "close")).toHaveLength(1);
  world().model.onTicket = () => ticket();
  await pass(60_000);
  expect(world().model.sockets).toHaveLength(0);
});

test("messages: none before it is open, and those of the application after", async () => {
  const { socket } = made();
  let early: unknown;
  try {
    early = socket.send("early");
  } catch {
    early = false;
  }
  expect(early).toBeFalsy();
  await pass();
  socket.send("now");
  expect(world().model.last.sent).toEqual(["now"]);
  await closed(socket);
});

test("a refused handshake is told by its receipt", async () => {
  const { model } = world();
  model.onSocket = (socket) => queueMicrotask(() => socket.serverFail());
  model.onReceipt = () => json(200, { ticket_id: "x", state: "pending", reason: "origin_not_allowed" });
  const { events, source } = made();
  await pass();
  const close = events.at(-1);
  expect(close).toMatchObject({ type: "close", reason: "origin_not_allowed" });
  expect(source.shouldRetry(close)).toBe(false);
});
