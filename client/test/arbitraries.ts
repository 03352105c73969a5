import fc from "fast-check";
import type { Door, TicketSocketOptions } from "../src/index.ts";

/** What the service answers to one request. Times in milliseconds. */
export type Reply =
  | { kind: "good"; after: number; lives: number }
  | { kind: "status"; after: number; status: number; body: string; retryAfter: string }
  | { kind: "changed"; after: number; field: string; value: unknown }
  | { kind: "network"; after: number }
  | { kind: "hang" };

/** What the service does with one handshake, and after it. */
export interface Life {
  /** When the handshake is answered; -1: never. */
  after: number;
  how: "open" | "refuse" | "throw";
  /** What it answers to the first message. */
  first: "ok" | "fail" | "junk" | "nothing";
  events: { after: number; what: "message" | "control" | "fail" | "close"; code: number; text: string }[];
  answersClose: boolean;
}

/** What the application returns for a bearer. */
export type Bearer = "good" | "hang" | "throw" | "nothing" | "garbage" | "slow";

/** What somebody does. */
export type Step =
  | { does: "send"; size: number }
  | { does: "user"; name: "alice" | "bob" }
  | { does: "close"; code: number }
  | { does: "offline" | "online" | "hidden" | "visible" | "hide" | "show" }
  | { does: "pass"; ms: number };

/** One run. */
export interface Story {
  door: Door;
  options: TicketSocketOptions;
  tickets: Reply[];
  receipts: Reply[];
  renewals: Reply[];
  lives: Life[];
  bearers: Bearer[];
  steps: Step[];
}

const after = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12_000 }));
const codes = fc.constantFrom(
  ...[1000, 1001, 1002, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 1015],
  ...[3000, 4000, 4001, 4003, 4008, 4009, 4010, 4400, 4999],
);
const statuses = fc.constantFrom(
  ...[
    200, 201, 202, 204, 301, 302, 304, 307, 400, 401, 403, 404, 405, 409, 413, 415, 418, 421, 426, 429, 500,
    502, 503, 504,
  ],
);
const bodies = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .constantFrom(
      "invalid_token",
      "insufficient_scope",
      "unavailable",
      "rate_limited",
      "constructor",
      "__proto__",
      "<b>",
    )
    .map((code) => JSON.stringify({ code })),
  fc
    .record({
      state: fc.constantFrom("pending", "redeemed", "refused", "revoked", "other"),
      reason: fc.constantFrom(
        undefined,
        "expired",
        "spent",
        "origin_not_allowed",
        "voided",
        "audience",
        "x y",
      ),
    })
    .map((receipt) => JSON.stringify(receipt)),
);
const fields = fc.constantFrom(
  ...["ticket", "ticket_id", "url", "protocols", "expires_in", "expires_at", "connection_expires_at"],
);
const urls = fc.constantFrom(
  "wss://evil.example/ws",
  "ws://api.example.com/ws",
  "wss://[",
  "",
  "/ws",
  "javascript:alert(1)",
);

const good = fc.record({
  kind: fc.constant("good" as const),
  after,
  lives: fc.constantFrom(3_000, 60_000, 3600_000, 1e15),
});

const reply: fc.Arbitrary<Reply> = fc.oneof(
  { weight: 4, arbitrary: good },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("status" as const),
      after,
      status: statuses,
      body: bodies,
      retryAfter: fc.constantFrom("", "0", "1", "30", "-1", "soon", "9e99", "Thu, 01 Jan 2099 00:00:00 GMT"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("changed" as const),
      after,
      field: fields,
      value: fc.oneof(fc.jsonValue(), urls),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("network" as const), after }) },
  { weight: 1, arbitrary: fc.constant({ kind: "hang" as const }) },
);

const life: fc.Arbitrary<Life> = fc.record({
  after: fc.oneof({ weight: 5, arbitrary: after }, { weight: 1, arbitrary: fc.constant(-1) }),
  how: fc.constantFrom("open", "open", "open", "refuse", "throw"),
  first: fc.constantFrom("ok", "ok", "fail", "junk", "nothing"),
  events: fc.array(
    fc.record({
      after,
      what: fc.constantFrom("message", "control", "fail", "close", "close"),
      code: codes,
      text: fc.constantFrom("", "hello", "wsticket: revoked", '{"type":"auth_expiring","expiresAt":"x"}'),
    }),
    { maxLength: 4 },
  ),
  answersClose: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant("pass" as const),
      ms: fc.constantFrom(0, 1, 50, 1_000, 7_000, 60_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ does: fc.constant("send" as const), size: fc.integer({ min: 0, max: 60 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant("user" as const),
      name: fc.constantFrom("alice" as const, "bob" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(
        "offline" as const,
        "online" as const,
        "hidden" as const,
        "visible" as const,
        "hide" as const,
        "show" as const,
      )
      .map((does) => ({ does })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant("close" as const), code: fc.constantFrom(1000, 4000) }),
  },
);

const options: fc.Arbitrary<TicketSocketOptions> = fc.record({
  queue: fc.constantFrom(0, 100),
  renew: fc.boolean(),
  minUptime: fc.constantFrom(0, 5_000),
  connectTimeout: fc.constantFrom(500, 10_000),
  backoff: fc.constantFrom({}, { base: 50, max: 1_000 }, { attempts: 3 }),
});

const list = <T>(of: fc.Arbitrary<T>, maxLength: number) => fc.array(of, { minLength: 1, maxLength });

/** Any run. */
export const stories: fc.Arbitrary<Story> = fc.record({
  door: fc.constantFrom<Door[]>("query", "subprotocol", "first_message", "header"),
  options,
  tickets: list(reply, 6),
  receipts: list(reply, 3),
  renewals: list(reply, 3),
  lives: list(life, 6),
  bearers: list(
    fc.constantFrom<Bearer[]>("good", "good", "good", "hang", "throw", "nothing", "garbage", "slow"),
    4,
  ),
  steps: list(step, 30),
});
