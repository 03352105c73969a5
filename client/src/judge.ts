/**
 * What a client does after a failure: `retry` asks for a new ticket after a pause, `refresh` fetches a fresh
 * bearer first, `stop` gives up, because trying again does not help.
 */
export type Action = "retry" | "refresh" | "stop";

/** What a failure means. */
export interface Judgement {
  readonly action: Action;
  /** One word for it: a problem code, a reason of a receipt, or one of this package (`network`, `timeout`, …). */
  readonly reason: string;
  /**
   * Milliseconds that the server wants to be left alone: 5 s if it does not say how long, at most 5 minutes. Where
   * it is there, the server has put the attempt off, which does not count towards `backoff.attempts`.
   */
  readonly retryAfter?: number | undefined;
  /** True if trying again helps a few times at most. */
  readonly few?: boolean | undefined;
}

/** What a close event has. */
export interface CloseLike {
  readonly code: number;
  readonly reason?: string;
}

/** Actions of an application's own: by close code (`4400`) or by reason (`"insufficient_scope"`). */
export type Actions = Readonly<Record<string | number, Action>>;

/** What a {@link TicketError} may have besides its reason and action. */
export interface ErrorDetails {
  /** The status of the answer, if there was one. */
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
  readonly few?: boolean | undefined;
  /** What the server says of a ticket whose handshake was refused. */
  readonly receipt?: Receipt | undefined;
  /** What the application's own function has thrown, or what to change. */
  readonly cause?: unknown;
}

/** What the owner of a ticket may read about it. */
export interface Receipt {
  readonly state: "pending" | "redeemed" | "refused" | "revoked";
  readonly reason?: string;
  readonly at?: string;
}

/** Why there is no ticket or no connection. It holds nothing of a ticket, a bearer or the body of an answer. */
export class TicketError extends Error implements Judgement, ErrorDetails {
  declare readonly reason: string;
  declare readonly action: Action;
  declare readonly status?: number | undefined;
  declare readonly retryAfter?: number | undefined;
  declare readonly few?: boolean | undefined;
  declare readonly receipt?: Receipt | undefined;

  /**
   * Throw one with the action `stop` in `bearer` to end all attempts.
   * @param said the reason. What is not one word of at most 40 letters, digits and `_` is not repeated.
   */
  constructor(said: string, action: Action, details: ErrorDetails = {}) {
    const reason = /^\w{1,40}$/.exec(said)?.[0] ?? "refused";
    super(`wsticket: ${reason}`);
    Object.assign(this, { reason, action }, details);
  }

  /** The close code that says the same, for libraries that know close events only. */
  get code(): number {
    if (this.action === "stop") return this.status === 401 ? 4003 : 1008;
    return this.status ? 1013 : 1006;
  }
}

// Close codes of PROTOCOL.md 2, held against testdata/vectors/client.json. Any other one is retried: it is the
// application's own, or of a server that went away.
const actions: Actions = {
  1000: "stop",
  1002: "stop",
  1007: "stop",
  1008: "stop",
  1009: "stop",
  4003: "stop",
  4008: "refresh",
  4010: "stop",
};
const words: Record<number, string> = {
  1000: "done",
  1001: "draining",
  1006: "connection_lost",
  4001: "authentication_failed",
  4003: "revoked",
  4008: "bearer_expired",
  4009: "too_many_connections",
  4010: "replaced",
};

/** Judges an error of a source or a close event. The application's own actions come first. */
export function judge(failure: unknown, own: Actions = {}): Judgement {
  if (failure instanceof TicketError) return { ...failure, action: own[failure.reason] ?? failure.action };
  const { code = 1006 } = (failure ?? {}) as Partial<CloseLike>; // of an error of somebody else's
  const reason = words[code] ?? `code_${code}`;
  return { reason, action: own[code] ?? actions[code] ?? "retry", few: code === 4001 };
}

/** Says why a handshake was refused of which only 1006 is known. `handshake_pending`: it has not arrived. */
export function judgeReceipt(receipt: Receipt): TicketError {
  const { reason = `handshake_${receipt.state}` } = receipt;
  return new TicketError(reason, /origin|audience/.test(reason) ? "stop" : "retry", {
    receipt,
    few: !!receipt.reason,
  });
}

/** Judges an answer that brings nothing. */
export function refusal({ ok, status, headers }: Response, problem: unknown): TicketError {
  const { code = "" } = Object(problem) as { code?: string };
  const after = headers.get("Retry-After") as string; // seconds or a date (RFC 9110 10.2.3)
  const ms = Number(after) * 1000 || Date.parse(after) - Date.now();
  const retryAfter = status === 429 || status === 503 ? (ms > 0 ? Math.min(ms, 300_000) : 5000) : undefined;
  const action = ok || retryAfter || status >= 500 ? "retry" : "stop";
  return new TicketError(ok ? "bad_answer" : code, action, { status, retryAfter });
}
