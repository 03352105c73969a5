import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TicketSocket, type TicketSource, ticketSource } from "../src/index.ts";
import * as bad from "./bad-server.ts";
import { openTicketSockets, when } from "./events.ts";
import { failure } from "./failure.ts";
import { implementations } from "./sockets.ts";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../testdata/vectors/${name}`, import.meta.url), "utf8"));
const sockets = openTicketSockets();
const bearer = () => "a-bearer";
const source = ticketSource("https://api.example.com/ws-ticket", { bearer });

// What the words of close_codes.json are for a client.
const actions: Readonly<Record<string, string>> = {
  reconnect: "retry",
  backoff: "retry",
  retry: "retry",
  refresh: "refresh",
  sign_in: "stop",
  stop: "stop",
};

const { codes } = read("close_codes.json") as { codes: { code: number; reason: string; action: string }[] };
test.each(codes.map((one) => [one.code, one] as const))("close code %i", (_, { code, reason, action }) => {
  expect(source.judge({ code, reason })).toMatchObject({ action: actions[action] });
  expect(source.shouldRetry({ code, reason })).toBe(actions[action] !== "stop");
});

/** A source whose server answers each request in the same way. */
function answering(
  status: number,
  body: string,
  headers: Record<string, string>,
): { source: TicketSource; reasons: string[] } {
  const reasons: string[] = [];
  const fetch = async () => new Response(body, { status, headers });
  const bearer = ({ reason }: { reason: string }) => {
    reasons.push(reason);
    return "a-bearer";
  };
  return { source: ticketSource("https://api.example.com/ws-ticket", { bearer, fetch }), reasons };
}

const { problems } = read("errors.json") as {
  problems: { status: number; code: string; body: string; www_authenticate: string }[];
};
test.each(problems.map((one) => [one.code, one] as const))(
  "problem %s keeps its code",
  async (_, { status, code, body, www_authenticate }) => {
    const headers = www_authenticate ? { "WWW-Authenticate": www_authenticate } : {};
    const { source } = answering(status, body, { "Content-Type": "application/problem+json", ...headers });
    const error = await failure(source.next());
    expect(error).toMatchObject({ reason: code, status });
    expect(source.shouldRetry(error)).toBe(status === 429 || status >= 500);
  },
);

interface Judged {
  action: string;
  few?: boolean;
}
const client = read("client.json") as {
  closes: (Judged & { code: number })[];
  answers: (Judged & { status: number; code: string; retry_after?: string; wait?: number })[];
  receipts: (Judged & { state: string; reason?: string })[];
};

test.each(client.closes)("close $code: $action", ({ code, action, few = false }) => {
  expect(source.judge({ code })).toMatchObject({ action, few });
});

test.each(client.answers)(
  "answer $status $code, Retry-After $retry_after: $action",
  async ({ status, code, retry_after, action, wait }) => {
    const { source, reasons } = answering(
      status,
      JSON.stringify({ status, code }),
      retry_after ? { "Retry-After": retry_after } : {},
    );
    const judgement = source.judge(await failure(source.next()));
    expect(judgement.reason).toBe(code);
    expect(judgement.retryAfter).toBe(wait);
    // refresh is done by the source itself, once; what is left is to stop.
    expect(judgement.action).toBe(action === "refresh" ? "stop" : action);
    expect(reasons).toEqual(action === "refresh" ? ["connect", "rejected"] : ["connect"]);
  },
);

test.each(client.receipts)(
  "receipt $state $reason: $action",
  async ({ state, reason, action, few = false }) => {
    const server = await bad.BadServer.start();
    server.handshakes.set(bad.refuse(403));
    server.receipts.set(bad.answer(200, JSON.stringify({ ticket_id: "x", state, reason })));
    const judged = ticketSource(server.ticketUrl, { bearer });
    const judgements: unknown[] = [];
    const noted: TicketSource = {
      ...judged,
      judge: (failure) => {
        const judgement = judged.judge(failure);
        judgements.push(judgement);
        return judgement;
      },
    };
    const socket = new TicketSocket(noted, { WebSocket: implementations[1]?.[1], backoff: { attempts: 0 } });
    await socket.closed;
    expect(judgements).toMatchObject([{ action }]);
    if (action === "retry") expect(judgements).toMatchObject([{ few }]);
  },
);

interface Exchange {
  rule: string;
  server: { text: string }[];
  close?: { code: number; reason: string };
}
const { exchanges } = read("first_message.json") as { exchanges: Exchange[] };
const endings = exchanges.filter(({ server }) => server.length <= 2);
test.each(endings.map((one) => [one.rule, one] as const))(
  "the server's side of a first message: %s",
  async (_, exchange) => {
    const server = await bad.BadServer.start();
    const texts = exchange.server.map(({ text }) =>
      text.replace("$ID", "A".repeat(22)).replace("$EXPIRES", new Date(Date.now() + 60_000).toISOString()),
    );
    server.handshakes.set(
      bad.open((socket) => {
        socket.once("message", () => {
          for (const text of texts) socket.send(text);
          if (exchange.close) socket.close(exchange.close.code, exchange.close.reason);
        });
      }),
    );
    const WebSocket = implementations[0]?.[1];
    const socket = sockets.add(
      new TicketSocket(ticketSource(server.ticketUrl, { bearer }), {
        door: "first_message",
        WebSocket,
        backoff: { attempts: 0 },
      }),
    );
    if (!exchange.close) {
      await socket.ready;
      return;
    }
    expect((await when(socket, "close")).code).toBe(exchange.close.code);
    await expect(socket.ready).rejects.toThrow();
  },
);
