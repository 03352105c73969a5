import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TicketSocket, ticketSource, ticketWebSocket } from "../src/index.ts";
import { openTicketSockets, record, when } from "./events.ts";
import { failure } from "./failure.ts";
import { origin, type Service, serve, until } from "./servers.ts";
import { fromOrigin, implementations } from "./sockets.ts";

const sockets = openTicketSockets(afterAll);
const quick = { base: 1, max: 20 };
let service: Service;
beforeAll(async () => {
  service = await serve();
});

/** A fetch as of a page that is signed in by a cookie. */
const withCookie =
  (cookie: () => string, from = origin): typeof fetch =>
  (url, init) =>
    fetch(url, { ...init, headers: { ...init?.headers, Cookie: cookie(), Origin: from } });

describe.each(fromOrigin(origin))("a page, with %s", (name, WebSocket) => {
  test("a session cookie is enough", async () => {
    const sub = `cookie-${name}`;
    const source = ticketSource(service.ticketUrl, {
      fetch: withCookie(() => `session=${service.bearer({ sub })}`),
    });
    const socket = sockets.add(new TicketSocket(source, { WebSocket }));
    await socket.ready;
    expect(await service.connections(sub)).toEqual([socket.id]);
    expect(await source.receipt(socket.id)).toMatchObject({ state: "redeemed" });
    expect(await source.renew(socket.id)).toBeGreaterThan(Date.now());
  });

  test("without a session, it stops at once and says so", async () => {
    const source = ticketSource(service.ticketUrl, { fetch: withCookie(() => "other=1") });
    const socket = sockets.add(new TicketSocket(source, { WebSocket }));
    expect(await when(socket, "refused")).toMatchObject({ status: 401 });
  });

  test("from an origin that is not allowed, it stops at once and says so", async () => {
    const source = ticketSource(service.ticketUrl, {
      fetch: withCookie(() => "x=1", "https://evil.example"),
    });
    const socket = sockets.add(new TicketSocket(source, { WebSocket }));
    expect(await when(socket, "refused")).toMatchObject({ why: "origin_not_allowed", status: 403 });
  });
});

describe.each(fromOrigin("https://evil.example"))("a page of another origin, with %s", (name, WebSocket) => {
  test("sees 1006 and nothing more; the receipt says why", async () => {
    const source = ticketSource(service.ticketUrl, { bearer: () => service.bearer({ sub: `evil-${name}` }) });
    const socket = sockets.add(new TicketSocket(source, { WebSocket, backoff: quick }));
    const refused = await when(socket, "refused");
    expect(refused).toMatchObject({
      why: "origin_not_allowed",
      receipt: { state: "pending", reason: "origin_not_allowed" },
    });
    expect(socket.state).toBe("refused");
  });
});

describe.concurrent.each(implementations)("a life, with %s", (name, WebSocket) => {
  test("that is renewed has the end of its new bearer", async () => {
    const sub = `renewed-${name}`;
    const reasons: string[] = [];
    const bearer = ({ reason }: { reason: string }) => {
      reasons.push(reason);
      return service.bearer({ sub, ttl: reason === "renew" ? 7200 : 600 });
    };
    const source = ticketSource(service.ticketUrl, { bearer });
    // The service would end it in ten minutes; to the client it says six seconds.
    const hurried = {
      ...source,
      next: async (signal?: AbortSignal) => ({
        ...(await source.next(signal)),
        connectionExpiresAt: Date.now() + 6_000,
      }),
    };
    const socket = sockets.add(new TicketSocket(hurried, { WebSocket, backoff: quick }));
    const events = record(socket);
    await socket.ready;
    await until(async () => {
      const page = await (await service.operate("GET", `/connections?sub=${sub}`)).json();
      return Date.parse(page.connections[0]?.connection_expires_at) - Date.now() > 3600_000;
    });
    expect(socket.state).toBe("open");
    expect(reasons).toEqual(["connect", "renew"]);
    expect(events.map(({ type }) => type)).not.toContain("reconnecting");
  });

  test("that is not renewed ends with its bearer, and the next one has a fresh one", async () => {
    const reasons: string[] = [];
    const bearer = ({ reason }: { reason: string }) => {
      reasons.push(reason);
      // It has to live for five seconds more to get a ticket.
      return service.bearer({ sub: `ended-${name}`, ttl: 8 });
    };
    const source = ticketSource(service.ticketUrl, { bearer });
    const socket = sockets.add(new TicketSocket(source, { WebSocket, backoff: quick, renew: false }));
    await socket.ready;
    const first = socket.id;
    const again = when(socket, "open");
    expect(await when(socket, "reconnecting")).toMatchObject({ code: 4008, why: "bearer_expired" });
    await again;
    expect(socket.id).not.toBe(first);
    expect(reasons.at(-1)).toBe("rejected");
  });

  test("of a class for libraries: one ticket, one connection, a close event", async () => {
    const source = ticketSource(service.ticketUrl, {
      bearer: () => service.bearer({ sub: `library-${name}` }),
    });
    const WS = ticketWebSocket(source, { WebSocket });
    const socket = new WS(service.socketUrl);
    const echoed = new Promise((resolve) => {
      socket.onmessage = ({ data }) => String(data) === "ping" && resolve(data);
    });
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    socket.onopen = () => socket.send("ping");
    await echoed;
    await service.revoke(`library-${name}`, "recheck");
    expect(await closed).toBe(4008);
    expect(source.shouldRetry({ code: 4008 })).toBe(true);
  });

  test("that the service was killed in goes on after it is back", async () => {
    const fallible = await serve();
    const source = ticketSource(fallible.ticketUrl, { bearer: () => fallible.bearer() });
    const socket = sockets.add(new TicketSocket(source, { WebSocket, backoff: { base: 20, max: 200 } }));
    await socket.ready;
    const again = when(socket, "open");
    const lost = when(socket, "reconnecting");
    fallible.program.kill();
    expect(await lost).toMatchObject({ code: 1006 });
    await fallible.restart();
    await again;
    expect(await fallible.connections("alice")).toEqual([socket.id]);
  });
});

test("a receipt or a renewal of nobody's is a TicketError", async () => {
  const source = ticketSource(service.ticketUrl, { bearer: () => service.bearer() });
  expect(await failure(source.receipt("A".repeat(22)))).toMatchObject({
    reason: "not_found",
    status: 404,
    action: "stop",
  });
  expect(await failure(source.renew("A".repeat(22)))).toMatchObject({
    reason: "not_found",
    status: 404,
    action: "stop",
  });
});
