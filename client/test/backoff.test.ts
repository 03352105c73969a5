import { describe, expect, test, vi } from "vitest";
import type { ReconnectingEvent } from "../src/index.ts";
import { hang, json, networkError, problem, ticket } from "./model.ts";
import { pass, random, worlds } from "./world.ts";

const world = worlds();
const day = 24 * 3600 * 1000;

/** Delays of all pauses that were announced. */
const delays = (events: { type: string }[]) =>
  events
    .filter(({ type }) => type === "reconnecting")
    .map((event) => (event as unknown as ReconnectingEvent).delay);

describe("pauses between attempts", () => {
  test("are random, drawn for each, and double up to the maximum", async () => {
    random(0.5);
    world().model.onTicket = networkError;
    const { events } = world().socket({ backoff: { base: 100, max: 1000 } });
    await pass(10_000);
    expect(delays(events).slice(0, 6)).toEqual([50, 100, 200, 400, 500, 500]);
  });

  test.each([0, 1 - Number.EPSILON])("stay within their bounds for a random number of %d", async (value) => {
    random(value);
    world().model.onTicket = networkError;
    const { events } = world().socket({ backoff: { base: 100, max: 1000, attempts: 50 } });
    await pass(20_000);
    const seen = delays(events).slice(0, 50);
    expect(seen.length).toBeGreaterThan(5);
    for (const [n, delay] of seen.entries()) {
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(Math.min(1000, 100 * 2 ** n));
    }
  });

  test("differ from attempt to attempt", async () => {
    world().model.onTicket = networkError;
    const { events } = world().socket();
    await pass(day / 24);
    const last = delays(events).slice(-20);
    expect(new Set(last).size).toBe(20);
    for (const delay of last) expect(delay).toBeLessThanOrEqual(20_000);
  });

  test("are kept: no request comes before its pause is over", async () => {
    random(0.9);
    const { model } = world();
    model.onTicket = networkError;
    const { events } = world().socket({ backoff: { base: 1000, max: 1000 } });
    await pass(10_000);
    const times = model.ticketRequests.map(({ at }) => at);
    for (const [n, delay] of delays(events)
      .slice(0, times.length - 1)
      .entries()) {
      expect((times[n + 1] ?? 0) - (times[n] ?? 0)).toBeGreaterThanOrEqual(Math.floor(delay));
    }
    expect(times).toHaveLength(12);
  });

  test("end after the number of attempts that is allowed", async () => {
    const { model } = world();
    model.onTicket = networkError;
    const { socket, events } = world().socket({ backoff: { attempts: 3 } });
    const ready = expect(socket.ready).rejects.toMatchObject({ reason: "network" });
    await pass(day / 24);
    await ready;
    expect(model.ticketRequests).toHaveLength(4);
    expect(events.at(-1)).toMatchObject({ type: "close", why: "network" });
    expect(socket.state).toBe("refused");
  });

  test("a fault of the server's is no reason to stop, ever", async () => {
    const { model } = world();
    model.onTicket = () => problem(500, "internal");
    const { socket } = world().socket();
    await pass(day / 4);
    expect(socket.state).not.toBe("refused");
    model.onTicket = () => ticket();
    await pass(21_000);
    expect(socket.state).toBe("open");
  });
});

describe("Retry-After", () => {
  test.each([429, 503])("of %i is waited for, with jitter, and burns no attempt", async (status) => {
    random(0.5);
    const { model } = world();
    const code = status === 429 ? "rate_limited" : "unavailable";
    let refusals = 10;
    model.onTicket = () => (refusals-- > 0 ? problem(status, code, { "Retry-After": "30" }) : ticket());
    const { socket, events } = world().socket({ backoff: { attempts: 1, base: 100, max: 100 } });
    await pass(29_000);
    expect(model.ticketRequests).toHaveLength(1);
    await pass(10 * 31_000);
    expect(socket.state).toBe("open");
    for (const delay of delays(events)) {
      expect(delay).toBeGreaterThanOrEqual(30_000);
      expect(delay).toBeLessThanOrEqual(30_100);
    }
  });

  test("without it, the server is left alone for five seconds", async () => {
    random(0.5);
    const { model } = world();
    model.onTicket = () => problem(429, "rate_limited");
    const { events } = world().socket({ backoff: { base: 100, max: 1000, attempts: 1 } });
    await pass(30_000);
    expect(delays(events).slice(0, 4)).toEqual([5050, 5050, 5050, 5050]);
  });

  test("that is absurd is bounded", async () => {
    const { model } = world();
    model.onTicket = () => problem(429, "rate_limited", { "Retry-After": "4000000000" });
    world().socket();
    await pass(310_000);
    expect(model.ticketRequests.length).toBeGreaterThan(1);
  });

  test("is not shortened because the page is shown or the machine comes online", async () => {
    const { model, page } = world();
    model.onTicket = () => problem(503, "unavailable", { "Retry-After": "60" });
    world().socket();
    await pass(1_000);
    page.visible(false);
    page.visible(true);
    page.online(false);
    page.online(true);
    await pass(30_000);
    expect(model.ticketRequests).toHaveLength(1);
  });
});

describe("uptime", () => {
  /** Opens, and closes after some time, again and again. */
  const flapping = (uptime: number) => {
    const { model } = world();
    model.onSocket = (socket) => {
      queueMicrotask(() => socket.serverOpen());
      setTimeout(() => socket.serverClose(1011), uptime);
    };
  };

  test("a server that flaps is left alone longer and longer", async () => {
    random(1 - Number.EPSILON);
    flapping(10);
    const { events } = world().socket({ backoff: { base: 100, max: 10_000 } });
    await pass(1_000);
    await pass(60_000);
    expect(delays(events).slice(0, 8).map(Math.round)).toEqual([
      100, 200, 400, 800, 1600, 3200, 6400, 10_000,
    ]);
  });

  test("a connection that lasts makes earlier failures be forgotten", async () => {
    random(1 - Number.EPSILON);
    flapping(6_000);
    const { events } = world().socket({ backoff: { base: 100, max: 10_000 }, minUptime: 5_000 });
    await pass(30_000);
    expect(delays(events).map(Math.round)).toEqual([100, 100, 100, 100]);
  });

  test("attempts that only open do not start the count again", async () => {
    flapping(10);
    const { socket } = world().socket({ backoff: { base: 10, max: 10, attempts: 5 } });
    await pass(10_000);
    expect(socket.state).toBe("refused");
    expect(world().model.sockets).toHaveLength(6);
  });
});

describe("drain", () => {
  const drained = async (value: number, options = {}) => {
    random(value);
    const { events } = world().socket(options);
    await pass();
    world().model.last.serverClose(1001, "server is draining");
    await pass();
    return delays(events);
  };
  test("comes back anywhere in the window", async () => {
    expect(await drained(0.5)).toEqual([2_500]);
  });
  test("comes back in the window that the application says", async () => {
    expect(await drained(0.9, { drainWindow: 60_000 })).toEqual([54_000]);
  });
});

describe("deadlines", () => {
  test.each([
    ["a bearer", { bearer: () => new Promise<string>(() => {}) }],
    ["a ticket", {}],
  ])("%s that never comes ends the attempt", async (_, options) => {
    const { model } = world();
    model.onTicket = hang;
    const { socket, events } = world().socket({}, world().source({ timeout: 3_000, ...options }));
    await pass(2_999);
    expect(socket.state).toBe("requesting");
    await pass(1);
    expect(events.at(-1)).toMatchObject({ type: "reconnecting", why: "timeout" });
    expect(model.aborted).toBe(model.ticketRequests.length);
  });

  test.each(["query", "subprotocol", "first_message", "header"] as const)(
    "a handshake at %s that hangs ends",
    async (door) => {
      const { model } = world();
      model.onSocket = () => {};
      const { socket, events } = world().socket({ door, connectTimeout: 4_000 });
      await pass(3_990);
      expect(socket.state).toBe("connecting");
      await pass(10);
      expect(events.at(-1)).toMatchObject({ type: "reconnecting", code: 1006 });
      expect(model.last.readyState).toBe(3);
    },
  );

  test("auth_ok that never comes ends it, too", async () => {
    const { model } = world();
    const { socket, events } = world().socket({ door: "first_message", connectTimeout: 4_000 });
    await pass(3_990);
    expect(socket.state).toBe("connecting");
    expect(model.last.sent).toHaveLength(1);
    await pass(10);
    expect(events.at(-1)).toMatchObject({ type: "reconnecting" });
    expect(model.last.closing).toBeDefined();
  });

  test("a receipt that never comes ends at the deadline", async () => {
    const { model } = world();
    model.onReceipt = hang;
    model.onSocket = (socket) => queueMicrotask(() => socket.serverFail());
    const { events } = world().socket({}, world().source({ timeout: 3_000 }));
    await pass(3_000);
    expect(events.at(-1)).toMatchObject({ type: "reconnecting", code: 1006 });
  });

  test("a peer that does not answer the close does not keep it open", async () => {
    const { socket, events } = world().socket();
    await pass();
    socket.close(4000, "bye");
    await pass(30_000);
    expect(socket.state).toBe("closed");
    expect(events.at(-1)).toMatchObject({ type: "close", code: 4000, reason: "bye" });
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40])("of %d ms are no deadline of one", async (long) => {
    const { model } = world();
    model.onTicket = hang;
    model.onSocket = () => {};
    const { socket } = world().socket({ connectTimeout: long }, world().source({ timeout: long }));
    await pass(60_000);
    expect(socket.state).toBe("requesting");
    expect(model.ticketRequests).toHaveLength(1);
    model.onTicket = () => ticket();
    const connecting = world().socket({ connectTimeout: long }).socket;
    await pass(60_000);
    expect(connecting.state).toBe("connecting");
  });

  test("a pause beyond the range of timers is a long one", async () => {
    random(0.99);
    const { model } = world();
    model.onTicket = networkError;
    world().socket({ backoff: { base: 2 ** 33, max: 2 ** 33 } });
    await pass(day);
    expect(model.ticketRequests).toHaveLength(1);
  });
});

test("an answer of another kind does not stop it", async () => {
  const { model } = world();
  const odd = [
    () => json(200, {}),
    () => json(200, []),
    () => json(201, "x"),
    () => Promise.reject(new Error("a bug in fetch")),
    networkError,
  ];
  model.onTicket = () => (odd.shift() ?? ticket)();
  const { socket } = world().socket();
  await pass(200_000);
  expect(socket.state).toBe("open");
});
