import { describe, expect, test, vi } from "vitest";
import type { FakeSocket } from "./fake-socket.ts";
import { hang, json, networkError, problem, ticket } from "./model.ts";
import { pass, worlds } from "./world.ts";

const world = worlds();
const iso = (ms: number) => new Date(Date.now() + ms).toISOString();
const hour = 3600_000;

const renewals = () => world().model.asked.filter(({ url }) => url.endsWith("/renew"));
const renewed = (seconds: number) =>
  json(200, { connection_id: "c", expires_in: seconds, connection_expires_at: iso(seconds * 1000) });

describe("by /renew", () => {
  test.each(["query", "subprotocol"] as const)(
    "ahead of the end, with a bearer for it, at the door %s",
    async (door) => {
      const { model } = world();
      model.onTicket = () => ticket({ connection_expires_at: iso(600_000) });
      model.onRenew = () => renewed(600);
      const reasons: string[] = [];
      const bearer = ({ reason }: { reason: string }) => {
        reasons.push(reason);
        return `bearer-${reasons.length}`;
      };
      const { socket } = world().socket({ door }, world().source({ bearer }));
      await pass(560_000);
      expect(renewals()).toHaveLength(0);
      await pass(30_000);
      expect(renewals()).toHaveLength(1);
      expect(renewals()[0]).toMatchObject({
        method: "POST",
        url: `https://api.example.com/connections/${socket.id}/renew`,
      });
      expect(renewals()[0]?.headers.get("Authorization")).toBe("Bearer bearer-2");
      expect(reasons).toEqual(["connect", "renew"]);
      await pass(hour);
      expect(renewals().length).toBeGreaterThanOrEqual(6);
      expect(renewals().length).toBeLessThanOrEqual(8);
      expect(model.sockets).toHaveLength(1);
    },
  );

  test("counts by the clock of this machine, however wrong it is", async () => {
    const { model } = world();
    const wrong = 5 * hour;
    model.onTicket = () =>
      ticket({ expires_at: iso(30_000 + wrong), connection_expires_at: iso(600_000 + wrong) });
    model.onRenew = () => renewed(600);
    world().socket();
    await pass(560_000);
    expect(renewals()).toHaveLength(0);
    await pass(30_000);
    expect(renewals()).toHaveLength(1);
  });

  test("many clients that end at the same time do not renew at the same time", async () => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(600_000 - (Date.now() % 1000)) });
    model.onRenew = () => renewed(600);
    for (let i = 0; i < 20; i++) world().socket();
    await pass(599_000);
    expect(renewals()).toHaveLength(20);
    expect(new Set(renewals().map(({ at }) => at)).size).toBeGreaterThan(10);
  });

  test.each([
    ["401, even with a fresh bearer", () => problem(401, "invalid_token")],
    ["403", () => problem(403, "insufficient_scope")],
    ["404", () => problem(404, "not_found")],
    ["an answer without a time", () => json(200, {})],
    ["an answer with a time that is none", () => json(200, { expires_in: "long" })],
    ["HTML", () => json(200, "<html>")],
    ["a time that is not later", () => renewed(1)],
    ["an end that is nearer than before", () => renewed(2)],
    ["the past", () => renewed(-5)],
  ])("%s: the connection goes on to its end, without hammering", async (_, answer) => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(600_000) });
    model.onRenew = answer;
    const { socket } = world().socket();
    await pass(601_000);
    expect(renewals().length).toBeGreaterThanOrEqual(1);
    expect(renewals().length).toBeLessThanOrEqual(6);
    expect(socket.state).toBe("open");
    expect(model.sockets).toHaveLength(1);
  });

  test.each([
    ["503", () => problem(503, "unavailable", { "Retry-After": "1" })],
    ["a failing network", networkError],
    ["no answer", hang],
  ])("%s: it is tried again in what is left", async (_, answer) => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(600_000) });
    let failures = 1;
    model.onRenew = () => (failures-- > 0 ? answer() : renewed(600));
    world().socket({}, world().source({ timeout: 2_000 }));
    await pass(599_500);
    expect(renewals()).toHaveLength(2);
    failures = 1000;
    await pass(hour);
    // However long it fails, a connection has a few attempts and no more.
    expect(renewals().length).toBeLessThanOrEqual(10);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a connection that ends in years is renewed in years", async () => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(50 * 365 * 24 * hour) });
    world().socket();
    await pass(24 * hour);
    expect(renewals()).toHaveLength(0);
  });

  test("one that is over already, or about to be, is left alone", async () => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(-5_000) });
    const { socket } = world().socket();
    await pass(hour);
    expect(renewals()).toHaveLength(0);
    expect(socket.state).toBe("open");
  });

  test("where renew is false, nothing is asked", async () => {
    world().model.onTicket = () => ticket({ connection_expires_at: iso(60_000) });
    world().socket({ renew: false });
    await pass(61_000);
    expect(renewals()).toHaveLength(0);
  });

  test("a connection that is closed is not renewed, not even by a request that is on its way", async () => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(100_000) });
    model.onRenew = hang;
    const { socket } = world().socket();
    await pass(91_000);
    expect(renewals()).toHaveLength(1);
    model.last.serverClose(1011);
    await pass();
    expect(model.aborted).toBe(1);
    socket.close();
    await pass(hour);
    expect(renewals()).toHaveLength(1);
  });

  test("the next connection has its own end", async () => {
    const { model } = world();
    model.onTicket = () => ticket({ connection_expires_at: iso(100_000) });
    model.onRenew = () => renewed(100);
    const { socket } = world().socket();
    await pass(50_000);
    const first = socket.id;
    model.last.serverClose(1011);
    await pass(1_000);
    expect(socket.id).not.toBe(first);
    await pass(60_000);
    expect(renewals()).toHaveLength(0);
    await pass(38_000);
    expect(renewals().map(({ url }) => url)).toEqual([
      `https://api.example.com/connections/${socket.id}/renew`,
    ]);
  });
});

describe("what wsticket says on the connection", () => {
  const ok = () =>
    JSON.stringify({ type: "auth_ok", userId: "alice", connectionId: "c", expiresAt: iso(hour) });
  const expiring = () => JSON.stringify({ type: "auth_expiring", expiresAt: iso(30_000) });
  const messages = (events: { type: string; data?: unknown }[]) =>
    events.filter(({ type }) => type === "message").map(({ data }) => data);

  /** Lets every first message in. */
  const letIn = () => {
    world().model.onSocket = (socket: FakeSocket) => {
      socket.onsent = () => queueMicrotask(() => socket.serverSend(ok()));
      queueMicrotask(() => socket.serverOpen());
    };
  };

  test("after a first message, the end is moved by /renew, too", async () => {
    letIn();
    world().model.onTicket = () => ticket({ connection_expires_at: iso(100_000) });
    world().model.onRenew = () => renewed(100);
    const { socket } = world().socket({ door: "first_message" });
    await pass(95_000);
    expect(renewals().map(({ url }) => url)).toEqual([
      `https://api.example.com/connections/${socket.id}/renew`,
    ]);
    expect(world().model.last.sent).toHaveLength(1);
  });

  test("the notice of the end is not the application's; the rest is", async () => {
    letIn();
    const { events } = world().socket({ door: "first_message" });
    await pass();
    const others = [
      '{"type":"auth_other","code":"x"}',
      '{"type":"hello"}',
      ' {"type":"auth_expiring"}',
      "auth_ok",
      "",
    ];
    for (const text of [expiring(), ...others]) world().model.last.serverSend(text);
    expect(messages(events)).toEqual(others);
  });

  test("at other doors, auth_ok and auth_fail are the application's", async () => {
    const { events } = world().socket();
    await pass();
    const texts = [ok(), '{"type":"auth_fail","code":"x"}', '{"type":"auth","token":"x"}'];
    for (const text of [expiring(), ...texts]) world().model.last.serverSend(text);
    expect(messages(events)).toEqual(texts);
  });
});
