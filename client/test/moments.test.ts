import { expect, test, vi } from "vitest";
import { type State, ticketWebSocket } from "../src/index.ts";
import { networkError, problem, ticket } from "./model.ts";
import { pass, random, worlds } from "./world.ts";

const world = worlds();

test.each<State>(["requesting", "connecting", "waiting"])(
  "close() by a listener as soon as it is %s: nothing is asked for or opened",
  async (state) => {
    const { model } = world();
    if (state === "waiting") model.onTicket = networkError;
    const { socket } = world().socket();
    socket.addEventListener("statechange", () => socket.state === state && socket.close());
    await pass(60_000);
    expect(socket.state).toBe("closed");
    expect(model.sockets).toHaveLength(0);
    expect(model.ticketRequests).toHaveLength(state === "requesting" ? 0 : 1);
    expect(vi.getTimerCount()).toBe(0);
  },
);

test("close() just before the handshake is done: it does not open any more", async () => {
  const { model } = world();
  model.onSocket = () => {};
  const { socket, events } = world().socket();
  await pass();
  socket.close();
  model.last.serverOpen();
  await pass(60_000);
  expect(events.map(({ type }) => type)).not.toContain("open");
  expect(socket.state).toBe("closed");
  expect(model.last.readyState).toBe(3);
});

test("a server that drains for ever is left alone longer and longer", async () => {
  random(0.5);
  const { model } = world();
  model.onSocket = (socket) =>
    queueMicrotask(() => {
      socket.serverOpen();
      socket.serverClose(1001);
    });
  const { events } = world().socket({ drainWindow: 1_000 });
  await pass(60_000);
  const delays = events.flatMap(({ type, delay }) => (type === "reconnecting" ? [delay] : []));
  expect(delays.slice(0, 7)).toEqual([500, 500, 1_000, 2_000, 4_000, 8_000, 10_000]);
});

test("the application's action for a reason holds behind a library as well", async () => {
  const { model } = world();
  const source = world().source({ actions: { insufficient_scope: "refresh", bye: "stop" } });
  expect(source.shouldRetry({ code: 4500, reason: "bye" })).toBe(false);
  model.onTicket = () => problem(403, "insufficient_scope");
  const Socket = ticketWebSocket(source, { WebSocket: model.WebSocket as never });
  const closed = new Promise((resolve) => new Socket().addEventListener("close", resolve));
  await pass();
  expect(source.shouldRetry(await closed)).toBe(true);
});

test("a runtime whose URLs cannot be changed, as that of React Native, is told so", async () => {
  class URL extends globalThis.URL {
    override get protocol() {
      return super.protocol;
    }
  }
  vi.stubGlobal("URL", URL);
  const { socket, events } = world().socket();
  await pass(60_000);
  expect(socket.state).toBe("refused");
  expect(events.at(-1)).toMatchObject({ type: "close", why: "no_url" });
  expect(world().model.ticketRequests).toHaveLength(1);
});

test("a connection that lasted makes earlier failures be forgotten, also where the page ends it", async () => {
  random(0.5);
  const { model, page } = world();
  model.onTicket = networkError;
  const { socket, events } = world().socket();
  await pass(3_000);
  model.onTicket = () => ticket();
  await pass(20_000);
  expect(socket.state).toBe("open");
  await pass(6_000);
  const before = events.length;
  page.hide();
  model.onTicket = networkError;
  await pass(1_000);
  page.show();
  await pass(100);
  expect(events.slice(before).filter(({ type }) => type === "reconnecting")).toMatchObject([
    { delay: 0 },
    { why: "network", attempt: 1, delay: 250 },
  ]);
});

test("a listener of a subclass comes before the handler of the library that makes it", async () => {
  const { model } = world();
  const seen: string[] = [];
  class Mine extends ticketWebSocket(world().source(), { WebSocket: model.WebSocket as never }) {
    constructor() {
      super();
      for (const type of ["open", "message", "close"] as const)
        this.addEventListener(type, () => seen.push(`listener ${type}`));
    }
  }
  const socket = new Mine();
  for (const type of ["onopen", "onmessage", "onclose"] as const) socket[type] = () => seen.push(type);
  await pass();
  model.last.serverSend("hello");
  model.last.serverClose(1011);
  await pass();
  expect(seen).toEqual(["open", "message", "close"].flatMap((type) => [`listener ${type}`, `on${type}`]));
});
