import { beforeAll, describe, expect, test } from "vitest";
import { type Door, TicketSocket, ticketSource } from "../src/index.ts";
import { openTicketSockets, when } from "./events.ts";
import { dev, type Service, serve, until } from "./servers.ts";
import { implementations } from "./sockets.ts";

const doors: readonly Door[] = ["query", "subprotocol", "first_message", "header"];
const quick = { base: 1, max: 20 };
const sockets = openTicketSockets();

let service: Service;
let visible: Service;
beforeAll(async () => {
  [service, visible] = await Promise.all([
    serve(),
    serve({ accept_then_close: true, drain_window: "100ms" }),
  ]);
});

/** A source of the tickets of one user; each bearer is newer than what was revoked before. */
function sourceOf(sub: string, at = service) {
  const reasons: string[] = [];
  const bearer = ({ reason }: { reason: string }) => {
    reasons.push(reason);
    return at.bearer({ sub, later: reasons.length > 1 ? 2 : 0 });
  };
  return { reasons, source: ticketSource(at.ticketUrl, { bearer }) };
}

describe.each(implementations)("with %s", (name, WebSocket) => {
  test.each(doors)("door %s opens and carries messages both ways", async (door) => {
    const sub = `door-${door}-${name}`;
    const { source } = sourceOf(sub);
    const socket = sockets.add(new TicketSocket(source, { door, WebSocket }));
    expect(socket.state).toBe("requesting");
    const echoed = when(socket, "message", ({ data }) => String(data) === "ping");
    await socket.ready;
    expect(socket.state).toBe("open");
    expect(socket.send("ping")).toBe(true);
    await echoed;
    const page = await (await service.operate("GET", `/connections?sub=${sub}`)).json();
    expect(page.connections).toMatchObject([{ connection_id: socket.id, door }]);
    socket.close(4321, "enough");
    expect(await socket.closed).toMatchObject({ code: 4321 });
    expect(socket.state).toBe("closed");
    await until(async () => (await service.connections(sub)).length === 0);
    expect((await source.receipt(socket.id ?? "")).state).toBe("redeemed");
  });

  test("binary messages arrive as the type that was asked for", async () => {
    const socket = sockets.add(new TicketSocket(sourceOf(`binary-${name}`).source, { WebSocket }));
    socket.binaryType = "arraybuffer";
    const echoed = when(socket, "message", ({ data }) => data instanceof ArrayBuffer);
    await socket.ready;
    socket.send(new Uint8Array([1, 2, 3]));
    expect([...new Uint8Array((await echoed).data as ArrayBuffer)]).toEqual([1, 2, 3]);
  });

  test("a revocation refuses for good, and says why", async () => {
    const sub = `revoked-${name}`;
    const { source, reasons } = sourceOf(sub);
    const socket = sockets.add(new TicketSocket(source, { WebSocket }));
    const refused = when(socket, "refused");
    await socket.ready;
    await service.revoke(sub, "end");
    expect(await refused).toMatchObject({ why: "revoked", code: 4003 });
    expect(await socket.closed).toMatchObject({ code: 4003, why: "revoked" });
    expect(socket.state).toBe("refused");
    expect(reasons).toHaveLength(1);
  });

  test("a recheck comes back with a fresh bearer and a new ticket", async () => {
    const sub = `recheck-${name}`;
    const { source, reasons } = sourceOf(sub);
    const socket = sockets.add(new TicketSocket(source, { WebSocket, backoff: quick }));
    await socket.ready;
    const before = socket.id;
    const again = when(socket, "open");
    await service.revoke(sub, "recheck");
    await again;
    expect(socket.id).not.toBe(before);
    expect(reasons).toEqual(["connect", "rejected"]);
    expect(await service.connections(sub)).toEqual([socket.id]);
  });

  test("cut by an operator: the same as a revocation", async () => {
    const socket = sockets.add(new TicketSocket(sourceOf(`cut-${name}`).source, { WebSocket }));
    await socket.ready;
    await service.operate("DELETE", `/connections/${socket.id}`);
    expect(await socket.closed).toMatchObject({ code: 4003, why: "revoked" });
  });

  test("the first message shows a revoked bearer, and the socket is refused after a fresh one", async () => {
    const sub = `void-${name}`;
    await service.revoke(sub, "end");
    const { source, reasons } = sourceOf(sub);
    const socket = sockets.add(
      new TicketSocket(source, { WebSocket, door: "first_message", backoff: quick }),
    );
    // The first bearer is as old as the revocation, the forced one is newer.
    await socket.ready;
    expect(reasons).toEqual(["connect", "rejected"]);
  });

  test("with close codes that pages can see, a spent ticket is 4001 and a new one is had", async () => {
    const sub = `spent-${name}`;
    const { source } = sourceOf(sub, visible);
    const spent = await source.next();
    const first = sockets.add(new TicketSocket({ ...source, next: async () => spent }, { WebSocket }));
    await first.ready;
    let given = 0;
    const once = {
      ...source,
      next: (signal?: AbortSignal) => (given++ === 0 ? Promise.resolve(spent) : source.next(signal)),
    };
    const socket = sockets.add(new TicketSocket(once, { WebSocket, backoff: quick }));
    const reconnecting = when(socket, "reconnecting");
    expect(await reconnecting).toMatchObject({ code: 4001, attempt: 1 });
    await until(() => given === 2 && socket.state === "open");
  });
});

test("drain: twenty sockets come back after a restart, each with a ticket of its own", async () => {
  const draining = await serve({ drain_window: "300ms" });
  const given: string[] = [];
  const source = ticketSource(draining.ticketUrl, { bearer: () => draining.bearer({ sub: "many" }) });
  const noted = {
    ...source,
    next: async (signal?: AbortSignal) => {
      const ticket = await source.next(signal);
      given.push(ticket.token);
      return ticket;
    },
  };
  const all = Array.from({ length: 20 }, (_, i) => {
    const [, WebSocket] = implementations[i % implementations.length] ?? [];
    return sockets.add(new TicketSocket(noted, { WebSocket, backoff: quick, drainWindow: 200 }));
  });
  await Promise.all(all.map(({ ready }) => ready));
  const codes = all.map((socket) => when(socket, "reconnecting").then(({ code }) => code));
  const again = all.map((socket) => when(socket, "open"));
  await draining.restart(async () => {
    expect(new Set(await Promise.all(codes))).toEqual(new Set([1001]));
  });
  await Promise.all(again);
  await until(async () => (await draining.connections("many")).length === 20);
  expect(new Set(given).size).toBe(given.length);
});

test("replaced by a newer connection: the older one stops", async () => {
  const single = await serve({ max_connections_per_subject: 1, over_limit: "replace_oldest" });
  const { source } = sourceOf("single", single);
  const [[, A], [, B]] = implementations as [(typeof implementations)[0], (typeof implementations)[0]];
  const first = sockets.add(new TicketSocket(source, { WebSocket: A }));
  await first.ready;
  const second = sockets.add(new TicketSocket(source, { WebSocket: B }));
  await second.ready;
  expect(await first.closed).toMatchObject({ code: 4010, why: "replaced" });
  expect(second.state).toBe("open");
});

test("too many connections: it comes back when there is room", async () => {
  const full = await serve({ max_connections_per_subject: 1, over_limit: "refuse", accept_then_close: true });
  const { source } = sourceOf("full", full);
  const WebSocket = implementations[0]?.[1];
  const first = sockets.add(new TicketSocket(source, { WebSocket }));
  await first.ready;
  const second = sockets.add(new TicketSocket(source, { WebSocket, backoff: quick }));
  expect(await when(second, "reconnecting")).toMatchObject({ code: 4009, why: "too_many_connections" });
  first.close();
  await first.closed;
  await until(async () => second.state === "open" && (await full.connections("full")).includes(second.id));
});

test("wsticket dev works without any configuration", async () => {
  const { program, bearer } = await dev();
  const source = ticketSource(`http://${program.public}/ws-ticket`, { bearer: () => bearer });
  const socket = sockets.add(new TicketSocket(source, { WebSocket: implementations[0]?.[1] }));
  await socket.ready;
  const ended = when(socket, "close");
  socket.close();
  expect(await ended).toMatchObject({ code: 1005, why: "done" });
});
