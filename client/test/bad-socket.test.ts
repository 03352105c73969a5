import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { TicketSocket, type TicketSocketOptions, ticketSource } from "../src/index.ts";
import * as bad from "./bad-server.ts";
import { openTicketSockets, record, when } from "./events.ts";
import { until } from "./servers.ts";
import { implementations } from "./sockets.ts";

const sockets = openTicketSockets();
const quick = { base: 1, max: 5 };
const ok = () =>
  JSON.stringify({
    type: "auth_ok",
    userId: "u",
    connectionId: "c",
    expiresAt: new Date(Date.now() + 1e6).toISOString(),
  });
let server: bad.BadServer;
beforeAll(async () => {
  server = await bad.BadServer.start();
});
beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  server.tickets.set(bad.ticket());
  server.receipts.set(bad.problem(404, "not_found"));
  server.handshakes.set(bad.open());
  server.presented.length = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
  // Whatever the server has done: no ticket came twice.
  const presented = server.presented.filter((token) => token !== undefined);
  expect(new Set(presented).size).toBe(presented.length);
});

describe.each(implementations)("with %s", (name, WebSocket) => {
  const socketOf = (options: TicketSocketOptions = {}, timeout = 5_000) =>
    sockets.add(
      new TicketSocket(ticketSource(server.ticketUrl, { bearer: () => "a-bearer", timeout }), {
        WebSocket,
        backoff: quick,
        drainWindow: 5,
        ...options,
      }),
    );

  describe("a refused handshake", () => {
    // undici itself repeats a request that is answered with 401, as Fetch has it for user agents that can prompt.
    test.each([400, 403, 404, 429, 500, 502, 503, ...(name === "ws" ? [401] : [])])(
      "of %i is followed by a new ticket",
      async (status) => {
        server.handshakes.set(bad.refuse(status), bad.open());
        const socket = socketOf();
        expect(await when(socket, "reconnecting")).toMatchObject({ code: 1006, attempt: 1 });
        await socket.ready;
        expect(server.presented).toHaveLength(2);
      },
    );

    test.each([
      [{ state: "pending", reason: "origin_not_allowed" }, "origin_not_allowed"],
      [{ state: "refused", reason: "origin_not_allowed" }, "origin_not_allowed"],
    ])("with the receipt %j stops, and tells it", async (receipt, why) => {
      server.handshakes.set(bad.refuse(403));
      server.receipts.set(bad.answer(200, JSON.stringify({ ticket_id: "x", ...receipt })));
      const socket = socketOf();
      const refused = await when(socket, "refused");
      expect(refused).toMatchObject({ why, receipt });
      expect(server.presented).toHaveLength(1);
    });

    test.each([
      { state: "refused", reason: "expired" },
      { state: "redeemed" },
      { state: "pending" },
      { state: "redeemed", reason: "spent" },
    ])("with the receipt %j is followed by a new ticket", async (receipt) => {
      server.handshakes.set(bad.refuse(403), bad.open());
      server.receipts.set(bad.answer(200, JSON.stringify({ ticket_id: "x", ...receipt })));
      const socket = socketOf();
      await when(socket, "reconnecting");
      await socket.ready;
    });

    test.each([
      ["hangs", bad.hang()],
      ["is no JSON", bad.answer(200, "<html>")],
      ["is null", bad.answer(200, "null")],
      ["has numbers", bad.answer(200, '{"state":1,"reason":2}')],
      ["has objects", bad.answer(200, '{"state":{},"reason":{"a":1}}')],
      ["is a list", bad.answer(200, "[1]")],
      ["is 401", bad.problem(401, "invalid_token")],
      ["is 503", bad.problem(503, "unavailable", { "Retry-After": "300" })],
      ["is cut off", bad.reset()],
    ])("whose receipt %s is followed by a new ticket", async (_, receipt) => {
      server.handshakes.set(bad.refuse(403), bad.open());
      server.receipts.set(receipt);
      const socket = socketOf({}, 300);
      const { why } = await when(socket, "reconnecting");
      expect(why).toBeTypeOf("string");
      await socket.ready;
    });

    test("again and again, for its own fault, ends after a few times", async () => {
      server.handshakes.set(bad.refuse(403));
      server.receipts.set(bad.answer(200, '{"ticket_id":"x","state":"refused","reason":"expired"}'));
      const socket = socketOf();
      expect(await socket.closed).toMatchObject({ why: "expired" });
      expect(socket.state).toBe("refused");
      expect(server.presented.length).toBeLessThanOrEqual(6);
    });
  });

  describe("storms", () => {
    test.each([1001, 1006, 1011, 1012, 1013, 1014, 4009, 4400])(
      "of close code %i are survived",
      async (code) => {
        server.handshakes.set(...Array.from({ length: 12 }, () => bad.openThenClose(code)), bad.open());
        const socket = socketOf();
        const events = record(socket);
        await until(() => server.presented.length === 13);
        await until(() => socket.state === "open");
        expect(events.filter(({ type }) => type === "reconnecting").map((event) => event.code)).toEqual(
          Array(12).fill(code),
        );
        expect(events.filter(({ type }) => type === "open")).toHaveLength(13);
      },
    );

    test.each([1002, 1007, 1008, 1009, 4003, 4010])("of close code %i have one lightning", async (code) => {
      server.handshakes.set(bad.openThenClose(code));
      const socket = socketOf();
      expect((await socket.closed).code).toBe(code);
      expect(socket.state).toBe("refused");
      expect(server.presented).toHaveLength(1);
    });

    test("of 4001 end after a few", async () => {
      server.handshakes.set(bad.openThenClose(4001));
      const socket = socketOf();
      expect(await socket.closed).toMatchObject({ code: 4001, why: "authentication_failed" });
      expect(server.presented.length).toBeLessThanOrEqual(6);
    });

    test("of 4008 ask for fresh bearers, with pauses", async () => {
      server.handshakes.set(...Array.from({ length: 5 }, () => bad.openThenClose(4008)), bad.open());
      const reasons: string[] = [];
      const bearer = ({ reason }: { reason: string }) => {
        reasons.push(reason);
        return "a-bearer";
      };
      const socket = sockets.add(
        new TicketSocket(ticketSource(server.ticketUrl, { bearer }), { WebSocket, backoff: quick }),
      );
      const events = record(socket);
      await until(() => socket.state === "open" && server.presented.length === 6);
      expect(reasons).toEqual(["connect", ...Array(5).fill("rejected")]);
      const delays = events.filter(({ type }) => type === "reconnecting").map(({ delay }) => delay);
      expect(delays[0]).toBe(0);
      expect(delays.slice(1).some((delay) => delay > 0)).toBe(true);
    });

    test("1000 is the end, and no failure", async () => {
      server.handshakes.set(bad.openThenClose(1000, "the game is over"));
      const socket = socketOf();
      const events = record(socket);
      expect(await socket.closed).toMatchObject({ code: 1000, reason: "the game is over", why: "done" });
      expect(socket.state).toBe("closed");
      expect(events.map(({ type }) => type)).not.toContain("refused");
    });

    test("of refused tickets: 401 is asked again once, with a fresh bearer, and then no more", async () => {
      server.tickets.set(bad.problem(401, "invalid_token"));
      const before = server.asked;
      const socket = socketOf();
      expect(await socket.closed).toMatchObject({ why: "invalid_token" });
      expect(server.asked - before).toBe(2);
    });
  });

  describe("handshakes", () => {
    test("that hang are given up, and the connection with them", async () => {
      server = await bad.BadServer.start();
      server.handshakes.set(bad.hangHandshake(), bad.open());
      const socket = socketOf({ connectTimeout: 100 });
      await socket.ready;
      await until(() => server.streams.size === 1);
    });

    test("that are answered with rubbish", async () => {
      server.handshakes.set(({ stream }) => void stream.end("SSH-2.0-OpenSSH_9.9\r\n"), bad.open());
      await socketOf().ready;
    });

    test("that agree to a protocol that nobody has offered", async () => {
      server.handshakes.set(({ stream, request }) => {
        const wrong = `HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: other\r\nSec-WebSocket-Accept: ${request.url}\r\n\r\n`;
        stream.end(wrong);
      }, bad.open());
      await socketOf({ door: "subprotocol" }).ready;
    });
  });

  describe("the first message", () => {
    const first = { door: "first_message" } as const;

    test("auth_ok that never comes ends the attempt", async () => {
      server.handshakes.set(bad.open(), bad.openThenAnswer(ok()));
      const socket = socketOf({ ...first, connectTimeout: 200 });
      await socket.ready;
      expect(server.asked).toBeGreaterThanOrEqual(2);
    });

    test.each([
      ["auth_fail", ['{"type":"auth_fail","code":"invalid_ticket"}']],
      ["auth_fail without a code", ['{"type":"auth_fail"}']],
      ["no JSON", ["auth_ok"]],
      ["a list", ['["auth_ok"]']],
      ["a binary auth_ok", [Buffer.from(ok())]],
      ["a message of the application before it", ["hello", '{"type":"hello"}']],
    ])("%s opens nothing, and the application does not see it", async (_, messages) => {
      server.handshakes.set(bad.openThenAnswer(...messages), bad.openThenAnswer(ok()));
      const socket = socketOf({ ...first, connectTimeout: 200 });
      const events = record(socket);
      await socket.ready;
      expect(server.presented.length).toBeGreaterThanOrEqual(2);
      expect(events.filter(({ type }) => type === "message")).toEqual([]);
    });

    test("auth_ok twice opens once", async () => {
      server.handshakes.set(bad.openThenAnswer(ok(), ok(), "hello"));
      const socket = socketOf(first);
      const events = record(socket);
      await when(socket, "message");
      expect(events.filter(({ type }) => type === "open")).toHaveLength(1);
      expect(events.filter(({ type }) => type === "message").map(({ data }) => data)).toHaveLength(2);
    });

    test("the ticket goes nowhere but into it", async () => {
      const urls: (string | undefined)[] = [];
      server.handshakes.set((shake) => {
        urls.push(
          shake.request.url,
          shake.request.headers["sec-websocket-protocol"],
          shake.request.headers.authorization,
        );
        bad.openThenAnswer(ok())(shake);
      });
      const socket = socketOf(first);
      await socket.ready;
      expect(urls).toEqual(["/ws", undefined, undefined]);
      expect(socket.url).toBe(`ws://${server.host}/ws`);
    });
  });

  test("messages after the close of the other side are not heard of", async () => {
    server.handshakes.set(
      bad.open((peer) => {
        peer.send("before");
        peer.close(1011);
      }),
      bad.open(),
    );
    const socket = socketOf();
    const events = record(socket);
    await when(socket, "reconnecting");
    const at = events.findIndex(({ type }) => type === "reconnecting");
    expect(
      events
        .slice(0, at)
        .filter(({ type }) => type === "message")
        .map(({ data }) => data),
    ).toEqual(["before"]);
    await until(() => socket.state === "open");
    expect(events.slice(at).filter(({ type }) => type === "message")).toEqual([]);
  });

  test("close() reaches the server with its code and reason", async () => {
    server = await bad.BadServer.start();
    const closed = new Promise((resolve) => {
      server.handshakes.set(
        bad.open((peer) => peer.once("close", (code, reason) => resolve([code, String(reason)]))),
      );
    });
    const socket = socketOf();
    await socket.ready;
    socket.close(4321, "enough");
    expect(await closed).toEqual([4321, "enough"]);
    expect(await socket.closed).toMatchObject({ code: 4321, reason: "enough" });
    await until(() => server.streams.size === 0);
  });

  test("a message that is bigger than anything arrives whole", async () => {
    const big = "x".repeat(1 << 20);
    server.handshakes.set(bad.open((peer) => peer.send(big)));
    const socket = socketOf();
    expect((await when(socket, "message")).data).toBe(big);
  });
});
