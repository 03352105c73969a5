import { describe, expect, test, vi } from "vitest";
import { hang, networkError, problem, ticket } from "./model.ts";
import { pass, random, worlds } from "./world.ts";

const world = worlds();

describe("offline", () => {
  test("no attempt is made, and being online again makes one soon", async () => {
    const { model, page } = world();
    model.onTicket = networkError;
    const { socket } = world().socket();
    page.online(false);
    await pass(3600_000);
    const before = model.ticketRequests.length;
    expect(before).toBeLessThanOrEqual(1);
    model.onTicket = () => ticket();
    page.online(true);
    await pass(1_000);
    expect(model.ticketRequests).toHaveLength(before + 1);
    expect(socket.state).toBe("open");
  });

  test("online shortens a long pause, once", async () => {
    random(0.99);
    const { model, page } = world();
    model.onTicket = networkError;
    world().socket({ backoff: { base: 100_000, max: 100_000 } });
    await pass(10_000);
    expect(model.ticketRequests).toHaveLength(1);
    page.online(true);
    await pass(1_000);
    expect(model.ticketRequests).toHaveLength(2);
    // What is left of the first pause does not shorten the second one.
    await pass(95_000);
    expect(model.ticketRequests).toHaveLength(2);
    await pass(5_000);
    expect(model.ticketRequests).toHaveLength(3);
  });

  test("online many times in a row makes one attempt", async () => {
    const { model, page } = world();
    model.onTicket = networkError;
    world().socket({ backoff: { base: 500, max: 600_000 } });
    await pass(400_000);
    const before = model.ticketRequests.length;
    model.onTicket = hang;
    for (let i = 0; i < 20; i++) page.online(true);
    await pass(1_000);
    expect(model.ticketRequests).toHaveLength(before + 1);
  });
});

describe("a hidden page", () => {
  test("reconnects", async () => {
    const { model, page } = world();
    const { socket } = world().socket();
    await pass();
    page.visible(false);
    model.last.serverClose(1011);
    await pass(1_000);
    expect(socket.state).toBe("open");
    expect(model.sockets).toHaveLength(2);
  });

  test("is no reason to shorten a pause; to be shown is", async () => {
    random(0.99);
    const { model, page } = world();
    model.onTicket = networkError;
    world().socket({ backoff: { base: 100_000, max: 100_000 } });
    await pass(1_000);
    page.visible(false);
    await pass(1_000);
    expect(model.ticketRequests).toHaveLength(1);
    page.visible(true);
    await pass(1_000);
    expect(model.ticketRequests).toHaveLength(2);
  });

  test("keeps the connection that it has", async () => {
    const { model, page } = world();
    const { socket } = world().socket({ renew: false });
    await pass();
    page.visible(false);
    await pass(3600_000);
    expect(socket.state).toBe("open");
    expect(model.sockets).toHaveLength(1);
  });

  test("being shown again and again does not hammer a server that is away", async () => {
    const { model, page } = world();
    model.onTicket = () => problem(500, "internal");
    world().socket({ backoff: { base: 500, max: 20_000 } });
    for (let i = 0; i < 60; i++) {
      page.visible(i % 2 === 1);
      await pass(100);
    }
    // It is shown thirty times in six seconds, and has pauses of its own.
    expect(model.ticketRequests.length).toBeLessThanOrEqual(40);
  });
});

describe("a page that is put away", () => {
  test("closes its connection, makes no attempt, and comes back with a new ticket", async () => {
    const { model, page } = world();
    const { socket, events } = world().socket();
    await pass();
    page.hide();
    await pass(3600_000);
    expect(model.sockets.map(({ readyState }) => readyState >= 2)).toEqual([true]);
    expect(model.ticketRequests).toHaveLength(1);
    page.show();
    await pass(1_000);
    expect(socket.state).toBe("open");
    expect(model.sockets).toHaveLength(2);
    expect(new Set(model.presented).size).toBe(2);
    expect(events.map(({ type }) => type)).not.toContain("refused");
  });

  test.each(["requesting", "connecting", "open", "waiting"] as const)(
    "while %s, and shown in the same moment, comes back",
    async (state) => {
      const { model, page } = world();
      const onSocket = model.onSocket;
      if (state === "requesting") model.onTicket = hang;
      if (state === "connecting") model.onSocket = () => {};
      if (state === "waiting") model.onTicket = networkError;
      const { socket } = world().socket();
      await pass();
      expect(socket.state).toBe(state);
      model.onTicket = () => ticket();
      model.onSocket = onSocket;
      page.hide();
      page.show();
      await pass(2_000);
      expect(socket.state).toBe("open");
      expect(model.sockets.filter(({ readyState }) => readyState < 2)).toHaveLength(1);
    },
  );

  test("aborts the request for a ticket", async () => {
    const { model, page } = world();
    model.onTicket = hang;
    world().socket();
    await pass();
    page.hide();
    await pass();
    expect(model.aborted).toBe(1);
  });

  test("can be closed meanwhile", async () => {
    const { page } = world();
    const { socket } = world().socket();
    await pass();
    page.hide();
    await pass(1_000);
    socket.close();
    await pass();
    expect(socket.state).toBe("closed");
    page.show();
    await pass(60_000);
    expect(socket.state).toBe("closed");
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("no listener of the page is left at the end", async () => {
  const { page } = world();
  const { socket } = world().socket();
  await pass();
  expect(page.listeners).toBeGreaterThan(0);
  socket.close();
  await pass(5_000);
  expect(socket.state).toBe("closed");
  expect(page.listeners).toBe(0);
});

test("where there is no page, it does without", async () => {
  vi.unstubAllGlobals();
  const { socket } = world().socket();
  await pass();
  expect(socket.state).toBe("open");
});
