import { describe, expect, test, vi } from "vitest";
import type { State } from "../src/index.ts";
import { hang, networkError, problem, ticket } from "./model.ts";
import { pass, type World, worlds } from "./world.ts";

const world = worlds();

/** Brings a socket into a state, in which it stays. */
const reach: Partial<Record<State, (world: World) => void>> = {
  requesting: ({ model }) => {
    model.onTicket = hang;
  },
  connecting: ({ model }) => {
    model.onSocket = () => {};
  },
  open: () => {},
  waiting: ({ model }) => {
    model.onTicket = () => problem(503, "unavailable", { "Retry-After": "200" });
  },
};
const states = Object.keys(reach) as State[];

/** Nothing happens any more, whatever the world does. */
async function silence({ model, page }: World, events: unknown[]): Promise<void> {
  const before = [events.length, model.asked.length, model.sockets.length];
  page.online(false);
  page.online(true);
  page.visible(false);
  page.visible(true);
  page.hide();
  page.show();
  for (const socket of model.sockets) {
    socket.serverOpen();
    socket.serverSend("late");
    socket.serverClose(1011);
  }
  await pass(3600_000);
  expect([events.length, model.asked.length, model.sockets.length]).toEqual(before);
  expect(vi.getTimerCount()).toBe(0);
  expect(page.listeners).toBe(0);
}

describe.each(states)("while %s", (state) => {
  const reached = async (options = {}) => {
    reach[state]?.(world());
    const opened = world().socket(options);
    await pass();
    expect(opened.socket.state).toBe(state);
    return opened;
  };

  test("close() ends it", async () => {
    const { socket, events } = await reached();
    socket.close(4321, "enough");
    socket.close(4322, "again");
    expect(socket.readyState).toBe(2);
    await pass();
    // Only a peer is waited for, and not for long.
    expect(socket.state).toBe(state === "open" ? "open" : "closed");
    if (state !== "open") expect(vi.getTimerCount()).toBe(0);
    await pass(4_000);
    expect(await socket.closed).toMatchObject({ code: 4321, reason: "enough", why: "done" });
    expect([socket.state, socket.readyState]).toEqual(["closed", 3]);
    expect(events.filter(({ type }) => type === "close")).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: "close", code: 4321 });
    await silence(world(), events);
  });

  test("send() says whether the message is on its way", async () => {
    const { socket } = await reached();
    expect(socket.send("now")).toBe(state === "open");
    socket.close();
    expect(socket.send("too late")).toBe(false);
    await pass(4_000);
    expect(socket.send("much too late")).toBe(false);
  });
});

test("close() in the task that made it asks for nothing", async () => {
  const { socket, events } = world().socket();
  socket.close();
  await pass();
  expect(socket.state).toBe("closed");
  expect(world().model.asked).toHaveLength(0);
  await expect(socket.ready).rejects.toThrow();
  await silence(world(), events);
});

test("close() with a code that no application may send throws, as in every WebSocket, and changes nothing", async () => {
  const { socket } = world().socket();
  await pass();
  expect(() => socket.close(1006)).toThrow();
  expect(() => socket.close(4000, "x".repeat(124))).toThrow();
  await pass();
  expect(socket.state).toBe("open");
});

test("a connection whose close is answered leaves no timer", async () => {
  const { model } = world();
  model.onSocket = (socket) => {
    socket.onclosing = () => queueMicrotask(() => socket.serverClose(1000));
    queueMicrotask(() => socket.serverOpen());
  };
  const { socket } = world().socket();
  await pass();
  socket.close();
  await pass();
  expect(socket.state).toBe("closed");
  expect(vi.getTimerCount()).toBe(0);
});

test.each(["reconnecting", "statechange", "open", "message"] as const)(
  "close() in a listener of %s ends it soon",
  async (type) => {
    const { model } = world();
    if (type === "reconnecting") model.onTicket = () => problem(503, "unavailable", { "Retry-After": "200" });
    model.onSocket = (socket) => {
      socket.onclosing = () => queueMicrotask(() => socket.serverClose(1005, ""));
      queueMicrotask(() => {
        socket.serverOpen();
        socket.serverSend("hello");
      });
    };
    const { socket, events } = world().socket();
    socket.addEventListener(type, () => socket.close());
    await pass(1_000);
    expect(socket.state).toBe("closed");
    await silence(world(), events);
  },
);

test("close() in a listener of refused and of close changes nothing", async () => {
  world().model.onTicket = () => problem(403, "insufficient_scope");
  const { socket, events } = world().socket();
  socket.addEventListener("refused", () => socket.close());
  socket.addEventListener("close", () => socket.close());
  await pass();
  expect(socket.state).toBe("refused");
  expect(events.filter(({ type }) => type === "close")).toHaveLength(1);
  await silence(world(), events);
});

describe("refused", () => {
  const refusals: [string, (world: World) => void, object][] = [
    [
      "no ticket: 403",
      ({ model }) => {
        model.onTicket = () => problem(403, "origin_not_allowed");
      },
      { why: "origin_not_allowed", status: 403 },
    ],
    [
      "no ticket: 401 again and again",
      ({ model }) => {
        model.onTicket = () => problem(401, "invalid_token");
      },
      { why: "invalid_token", status: 401 },
    ],
    [
      "revoked",
      ({ model }) => {
        model.onSocket = (socket) =>
          queueMicrotask(() => {
            socket.serverOpen();
            socket.serverClose(4003, "wsticket: revoked");
          });
      },
      { why: "revoked", code: 4003 },
    ],
  ];
  test.each(refusals)(
    "%s: an event says why, the promises are settled, and nothing follows",
    async (_, prepare, why) => {
      prepare(world());
      const { socket, events } = world().socket();
      await pass(10_000);
      expect(socket.state).toBe("refused");
      expect(socket.readyState).toBe(3);
      const kinds = events.map(({ type }) => type);
      expect(kinds.filter((type) => type === "refused")).toHaveLength(1);
      expect(kinds.at(-1)).toBe("close");
      expect(events.find(({ type }) => type === "refused")).toMatchObject(why);
      expect(await socket.closed).toMatchObject({ why: (why as { why: string }).why });
      await silence(world(), events);
    },
  );

  test("it is said on the console, once, unless a listener has taken it", async () => {
    world().model.onTicket = () => problem(403, "insufficient_scope");
    world().socket();
    await pass();
    expect(console.warn).toHaveBeenCalledTimes(1);
    const { socket } = world().socket();
    socket.addEventListener("refused", (event) => event.preventDefault());
    await pass();
    expect(console.warn).toHaveBeenCalledTimes(1);
  });

  test("the last attempt is refused after a message that was queued: it is gone", async () => {
    world().model.onTicket = () => problem(403, "insufficient_scope");
    const { socket } = world().socket({ queue: 100 }, world().source({ user: () => "alice" }));
    expect(socket.send("waiting")).toBe(true);
    expect(socket.bufferedAmount).toBe(7);
    await pass();
    expect(socket.bufferedAmount).toBe(0);
  });
});

describe("a listener that throws", () => {
  // An exception of a listener is reported, and nothing else happens.
  const reported: unknown[] = [];
  const thrown = new Error("a listener's own fault");
  const throws = () => {
    throw thrown;
  };

  test.each(["open", "message", "close"])("on%s does not stop it", async (type) => {
    reported.length = 0;
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => reported.push(error));
    try {
      const { model } = world();
      model.onSocket = (socket) =>
        queueMicrotask(() => {
          socket.serverOpen();
          socket.serverSend("hello");
          setTimeout(() => socket.serverClose(model.sockets.length < 3 ? 1011 : 4003), 10);
        });
      const { socket, events } = world().socket(
        { backoff: { base: 5, max: 5 }, queue: 10 },
        world().source({ user: () => "alice" }),
      );
      Object.assign(socket, { [`on${type}`]: throws });
      socket.send("queued");
      await pass(1_000);
      await socket.ready;
      expect(socket.state).toBe("refused");
      expect(model.sockets).toHaveLength(3);
      expect(model.sockets[0]?.sent).toEqual(["queued"]);
      expect(events.at(-1)?.type).toBe("close");
      expect(new Set(reported)).toEqual(new Set([thrown]));
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

test("an error is never all that is said", async () => {
  const { model } = world();
  model.onTicket = networkError;
  const { events } = world().socket({ backoff: { attempts: 2, base: 1 } });
  await pass(1_000);
  const last = events.map(({ type }) => type);
  expect(last.at(-1)).toBe("close");
  model.onTicket = () => ticket();
});
