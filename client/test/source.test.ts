import { inspect } from "node:util";
import * as undici from "undici";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { TicketError, ticketSource } from "../src/index.ts";
import * as bad from "./bad-server.ts";
import { failure } from "./failure.ts";
import { issued, newTicket } from "./tickets.ts";

const bearer = () => "a-bearer";
/**
 * The fetch of Node 20 and 22 loses an abort that comes behind the head of an answer, if memory was collected in
 * between: the rest of the answer goes on. That of undici 7, which Node 24 has, does not.
 */
const fetch = undici.fetch as unknown as typeof globalThis.fetch;
let server: bad.BadServer;
let source: ReturnType<typeof ticketSource>;
beforeAll(async () => {
  server = await bad.BadServer.start();
});
beforeEach(() => {
  server.requests.length = 0;
  server.tickets.set(bad.ticket());
  source = ticketSource(server.ticketUrl, { bearer, timeout: 2_000 });
});

/** Why no ticket comes. */
const refused = (): Promise<TicketError> => failure(source.next());

describe("what is asked", () => {
  test("a POST with the bearer, no cookie, and nothing in the URL", async () => {
    const ticket = await source.next();
    expect(server.requests).toMatchObject([
      { method: "POST", path: "/ws-ticket", headers: { authorization: "Bearer a-bearer" }, body: "{}" },
    ]);
    expect(ticket.url).toContain(`?ticket=${ticket.token}`);
    expect(ticket.expiresAt).toBeGreaterThan(Date.now());
    expect(ticket.connectionExpiresAt).toBeGreaterThan(ticket.expiresAt);
  });

  test("audience, scope and ttl", async () => {
    await ticketSource(server.ticketUrl, { bearer, audience: "chat", scope: "read", ttl: 10 }).next();
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ audience: "chat", scope: "read", ttl: 10 });
  });

  test("two at the same time are two tickets", async () => {
    const [one, other] = await Promise.all([source.next(), source.next()]);
    expect(one.token).not.toBe(other.token);
    expect(server.requests).toHaveLength(2);
  });

  test("without a bearer, cookies are for the same origin or as the option says", async () => {
    const seen: unknown[] = [];
    const spy: typeof fetch = (url, init) => {
      seen.push([init?.credentials, new Headers(init?.headers).has("Authorization")]);
      return fetch(url, init);
    };
    await ticketSource(server.ticketUrl, { fetch: spy }).next();
    await ticketSource(server.ticketUrl, { fetch: spy, credentials: "include" }).next();
    await ticketSource(server.ticketUrl, { fetch: spy, bearer }).next();
    expect(seen).toEqual([
      ["same-origin", false],
      ["include", false],
      ["same-origin", true],
    ]);
  });
});

describe("answers that are no ticket", () => {
  const wrong: Record<string, bad.Answer> = {
    "not JSON": bad.answer(201, "ticket"),
    "HTML with 200": bad.answer(200, "<html><body>Sign in to this network</body></html>", {
      "Content-Type": "text/html",
    }),
    empty: bad.answer(201, ""),
    "no content": bad.answer(204, ""),
    null: bad.answer(201, "null"),
    "a list": bad.answer(201, "[]"),
    "a string": bad.answer(201, '"wst1_"'),
    "cut off": bad.answer(201, '{"ticket":"wst1_'),
    huge: bad.answer(201, JSON.stringify({ ticket: "x".repeat(4 << 20) })),
    "200 with another object": bad.answer(200, '{"ok":true}'),
    "no ticket": bad.ticket({ ticket: undefined }),
    "no ID": bad.ticket({ ticket_id: undefined }),
    "no lifetime": bad.ticket({ expires_in: undefined }),
    "no end of the connection": bad.ticket({ connection_expires_at: undefined }),
    "a number as ticket": bad.ticket({ ticket: 7 }),
    "a JWT as ticket": bad.ticket({ ticket: "eyJhbGciOiJub25lIn0.e30.c2ln" }),
    "a path as ID": bad.ticket({ ticket_id: "../../connections/all12" }),
    "a text as lifetime": bad.ticket({ expires_in: "soon" }),
    "a lifetime in the past": bad.ticket({ expires_in: -1 }),
    "no time": bad.ticket({ connection_expires_at: "tomorrow" }),
  };
  test.each(Object.entries(wrong))("%s", async (_, step) => {
    server.tickets.set(step);
    expect(await refused()).toMatchObject({ reason: "bad_answer", action: "retry" });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["no answer", bad.hang()],
    ["half an answer", bad.hangInBody()],
    ["an answer without end", bad.endless()],
  ])("%s ends at the deadline", async (_, step) => {
    server.tickets.set(step);
    source = ticketSource(server.ticketUrl, { bearer, fetch, timeout: 200 });
    expect(await refused()).toMatchObject({ reason: "timeout", action: "retry" });
  });

  test("a connection that is cut is a failure of the network", async () => {
    server.tickets.set(bad.reset());
    const { reason, action } = await refused();
    expect(["network", "cors"]).toContain(reason); // the question whether anybody is there may be answered
    expect(action).toBe("retry");
  });

  test("nobody is there", async () => {
    const gone = await bad.BadServer.start();
    const { ticketUrl } = gone;
    await gone.stop();
    expect(await failure(ticketSource(ticketUrl, { bearer }).next())).toMatchObject({
      reason: "network",
      action: "retry",
    });
  });

  test.each([301, 302, 303, 307, 308])(
    "redirects (%i) are not followed, because the bearer would go along",
    async (status) => {
      server.tickets.set(bad.answer(status, "", { Location: "/elsewhere" }), bad.ticket());
      expect((await refused()).action).toBe("retry");
      const withBearer = server.requests.filter(({ headers }) => headers.authorization);
      expect(withBearer.map(({ method, path }) => [method, path])).toEqual([["POST", "/ws-ticket"]]);
    },
  );
});

describe("where a ticket leads", () => {
  const elsewhere = (url: unknown) => server.tickets.set(bad.ticket({ url }));

  test.each([
    "ws://evil.example/ws",
    "ws://127.0.0.1:1/ws",
    "ws://api@evil.example/",
    "https://evil.example/",
  ])("to no other host: %s", async (url) => {
    elsewhere(url);
    expect(await refused()).toMatchObject({ reason: "foreign_url", action: "stop" });
  });

  test("to hosts that are allowed, with their port", async () => {
    elsewhere("ws://sockets.example:8443/ws");
    source = ticketSource(server.ticketUrl, { bearer, allowHosts: ["sockets.example:8443"] });
    expect((await source.next()).url).toBe("ws://sockets.example:8443/ws");
    elsewhere("ws://sockets.example:8444/ws");
    expect(await refused()).toMatchObject({ reason: "foreign_url" });
  });

  test("not from https to ws", async () => {
    const answered = (url: string) => async () =>
      new Response(JSON.stringify(issued("api.example.com", { url })));
    const secure = (url: string) =>
      ticketSource("https://api.example.com/ws-ticket", {
        bearer,
        fetch: answered(url) as typeof fetch,
      }).next();
    expect(await failure(secure("ws://api.example.com/ws"))).toMatchObject({
      reason: "foreign_url",
      action: "stop",
    });
    expect(await failure(secure("http://api.example.com/ws"))).toMatchObject({
      reason: "foreign_url",
      action: "stop",
    });
    expect((await secure("wss://api.example.com/ws")).url).toBe("wss://api.example.com/ws");
  });

  test.each(["ws://[", "http://%zz/", "ws://127.0.0.1:99999/"])(
    "a URL that is none, %s, is an error without the ticket",
    async (start) => {
      const secret = newTicket();
      server.tickets.set(bad.ticket({ ticket: secret, url: `${start}?ticket=${secret}` }));
      const error = await refused();
      expect(error).toBeInstanceOf(TicketError);
      expect(`${inspect(error)} ${JSON.stringify(error)} ${error.stack}`).not.toContain(secret);
    },
  );

  test("without a URL of the server, the application gives one", async () => {
    elsewhere(undefined);
    const ticket = await source.next();
    expect(ticket.url).toBeUndefined();
    expect(source.address(ticket, "/ws/chat/7").href).toBe(`ws://${server.host}/ws/chat/7`);
    expect(() => source.address(ticket)).toThrow();
    expect(() => source.address(ticket, "ws://evil.example/ws")).toThrow();
  });
});

describe("statuses", () => {
  test.each([
    [400, "invalid_request", "stop"],
    [403, "insufficient_scope", "stop"],
    [403, "origin_not_allowed", "stop"],
    [404, "not_found", "stop"],
    [429, "rate_limited", "retry"],
    [500, "internal", "retry"],
    [502, "upstream_failed", "retry"],
    [503, "unavailable", "retry"],
  ] as const)("%i %s: %s", async (status, code, action) => {
    server.tickets.set(bad.problem(status, code));
    expect(await refused()).toMatchObject({ status, reason: code, action });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["of a proxy, without a problem", bad.answer(502, "<html>Bad Gateway</html>"), "refused"],
    ["with a code that is no word", bad.answer(403, '{"code":"<script>alert(1)</script>"}'), "refused"],
    ["with a code that is no text", bad.answer(403, '{"code":{"a":1}}'), "refused"],
    ["of an array", bad.answer(500, "[]"), "refused"],
  ])("%s", async (_, step, reason) => {
    server.tickets.set(step);
    expect(await refused()).toMatchObject({ reason });
  });

  test.each([
    ["2", 2_000],
    ["0", 5_000],
    [undefined, 5_000],
    ["soon", 5_000],
    ["-5", 5_000],
    ["99999999999999999999", 300_000],
    ["Infinity", 300_000],
  ])("Retry-After: %s", async (value, ms) => {
    server.tickets.set(bad.problem(429, "rate_limited", value === undefined ? {} : { "Retry-After": value }));
    expect(source.judge(await refused())).toMatchObject({ action: "retry", retryAfter: ms });
  });

  test("Retry-After: a date", async () => {
    server.tickets.set(
      bad.problem(503, "unavailable", { "Retry-After": new Date(Date.now() + 60_000).toUTCString() }),
    );
    const { retryAfter } = source.judge(await refused());
    expect(retryAfter).toBeGreaterThan(30_000);
    expect(retryAfter).toBeLessThanOrEqual(60_000);
    server.tickets.set(bad.problem(503, "unavailable", { "Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT" }));
    expect(source.judge(await refused()).retryAfter).toBe(5_000);
  });

  test("the application's own actions come first", async () => {
    const own = ticketSource(server.ticketUrl, {
      bearer,
      actions: { not_found: "retry", 4400: "stop", 1000: "retry" },
    });
    server.tickets.set(bad.problem(404, "not_found"));
    expect(own.judge(await failure(own.next())).action).toBe("retry");
    expect(own.judge({ code: 4400 }).action).toBe("stop");
    expect(own.judge({ code: 1000 }).action).toBe("retry");
  });
});

describe("an abort", () => {
  test("before the request sends none", async () => {
    const spy = vi.fn(bearer);
    const error = await failure(ticketSource(server.ticketUrl, { bearer: spy }).next(AbortSignal.abort()));
    expect(error).toMatchObject({ reason: "aborted" });
    expect(spy).not.toHaveBeenCalled();
    expect(server.requests).toHaveLength(0);
  });

  test.each([
    ["for the answer", bad.hang()],
    ["for the body", bad.hangInBody()],
  ])("while waiting %s ends the request", async (_, step) => {
    source = ticketSource(server.ticketUrl, { bearer, fetch });
    const controller = new AbortController();
    const ended = new Promise<void>((resolve) => {
      server.tickets.set((response, at) => {
        response.once("close", resolve);
        step(response, at);
        setTimeout(() => controller.abort(new Error("not this one")), 20);
      });
    });
    expect(await failure(source.next(controller.signal))).toMatchObject({ reason: "aborted" });
    await ended;
  });

  test("while the bearer is fetched tells the one who fetches it", async () => {
    const controller = new AbortController();
    const told = new Promise<void>((resolve) => {
      const hanging = ({ signal }: { signal: AbortSignal }) => {
        signal.addEventListener("abort", () => resolve());
        queueMicrotask(() => controller.abort());
        return new Promise<string>(() => {});
      };
      source = ticketSource(server.ticketUrl, { bearer: hanging });
    });
    expect(await failure(source.next(controller.signal))).toMatchObject({ reason: "aborted" });
    await told;
    expect(server.requests).toHaveLength(0);
  });
});
