import { type Actions, type Judgement, judge, type Receipt, refusal, TicketError } from "./judge.ts";
import { parseTicket, type Ticket } from "./ticket.ts";
import { within } from "./within.ts";

/** Why a bearer is asked for: `rejected` means that the last one was refused or is over, so it has to be a fresh one. */
export type BearerReason = "connect" | "renew" | "rejected";

/** What `bearer` gets. */
export interface BearerRequest {
  /** Aborted when the answer is not needed any more. */
  readonly signal: AbortSignal;
  readonly reason: BearerReason;
}

/** Options of {@link ticketSource}. */
export interface TicketSourceOptions {
  /**
   * Returns the bearer, a JWT without `Bearer`. Nothing (`undefined`, `null` or `""`) means that nobody is signed
   * in: then it stops with `signed_out`. If it throws, it is called again after a pause.
   */
  readonly bearer?: (request: BearerRequest) => Bearer | PromiseLike<Bearer>;
  /** For session cookies: `include` where the API is on another origin. Default: `same-origin`. */
  readonly credentials?: "omit" | "same-origin" | "include";
  /** The endpoint that tickets are for. Default: the server's first. */
  readonly audience?: string;
  /** Scopes, separated by spaces, if fewer than the bearer's. */
  readonly scope?: string;
  /** Lifetime of a ticket in seconds, if shorter than the server's. */
  readonly ttl?: number;
  /** Milliseconds that one ticket, receipt or renewal may take, bearer included. Default: 8000. */
  readonly timeout?: number;
  /** Hosts, with their ports, that sockets may connect to besides that of the ticket's address. */
  readonly allowHosts?: readonly string[];
  /** What to do after a close code (`4400`) or a reason (`"insufficient_scope"`), where it is not the default. */
  readonly actions?: Actions;
  /** Names the user that is signed in. A queue needs it: what one user has sent is not another one's. */
  readonly user?: () => string | undefined;
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch;
}

type Answer = Record<string, unknown>;

/** A bearer, or nothing if nobody is signed in. */
export type Bearer = string | null | undefined;

/** Makes tickets. It keeps none, and may be shared by any number of sockets. */
export interface TicketSource {
  /** Makes one ticket. A bearer that is refused is replaced by a fresh one, once. @throws TicketError */
  next(signal?: AbortSignal): Promise<Ticket>;
  /**
   * Says what a failure means: an error of this source, or a close event of a socket. After `refresh`, the next
   * ticket is made with a fresh bearer.
   */
  judge(failure: unknown): Judgement;
  /** Reports whether it helps to connect again, for libraries that ask. */
  shouldRetry(failure: unknown): boolean;
  /** Reads the receipt of a ticket. @throws TicketError */
  receipt(id: string, signal?: AbortSignal): Promise<Receipt>;
  /** Renews a connection, and returns when it ends now (ms by this clock). @throws TicketError */
  renew(id: string, signal?: AbortSignal): Promise<number>;
  /** Names the user that is signed in; undefined if that is not known. */
  user(): string | undefined;
  /** Returns where a ticket connects to, without the ticket: `url` if it is there, else the server's. @throws TicketError */
  address(ticket: Ticket, url?: string | URL): URL;
}

/**
 * Returns a source of tickets.
 * @param url the address of POST /ws-ticket, such as `https://api.example.com/ws-ticket`.
 */
export function ticketSource(url: string | URL, options: TicketSourceOptions = {}): TicketSource {
  const endpoint = new URL(url, globalThis.location?.href);
  const { timeout = 8000, allowHosts = [], credentials = "same-origin", fetch = globalThis.fetch } = options;
  let renewed: Promise<string> | undefined;
  let over = false; // a failure said that the bearer is
  let unread = 1; // counts answers that this page may not read, until it may read one

  /** Asks the application for its bearer. All that were refused at the same time get the same fresh one. */
  function bearer(reason: BearerReason, signal: AbortSignal): Promise<string> {
    if (reason !== "rejected") return ask(reason, signal);
    renewed ??= within(timeout, undefined, (own) => ask(reason, own)).finally(() => {
      renewed = undefined;
    });
    return renewed;
  }

  /** Returns the bearer, "" if there are only cookies. */
  async function ask(reason: BearerReason, signal: AbortSignal): Promise<string> {
    if (!options.bearer) return "";
    let given: Bearer;
    try {
      given = await options.bearer({ signal, reason });
    } catch (cause) {
      throw cause instanceof TicketError ? cause : new TicketError("bearer_failed", "retry", { cause });
    }
    if (!given) throw new TicketError("signed_out", "stop");
    if (!/^[!-~]+$/.test(given)) throw new TicketError("bad_bearer", "stop");
    return given;
  }

  /** Sends a request with a bearer, and once more with a fresh one if it was refused. */
  function call(
    method: string,
    path: string,
    reason: BearerReason,
    outer?: AbortSignal,
    body?: string,
  ): Promise<Answer> {
    return within(timeout, outer, async (signal) => {
      for (let why = reason; ; why = "rejected") {
        const token = await bearer(why, signal);
        const answer = await fetch(new URL(path, endpoint), {
          method,
          body: body as BodyInit,
          signal,
          headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
          credentials,
          redirect: "error",
        }).catch(async () => {
          // A browser does not tell no answer from one that this page may not read, and its error may quote a header.
          // Nor does it tell that from a proxy whose server is away, so that only later ones count.
          const few = unread && (await fetch(endpoint, { mode: "no-cors", signal }).catch(() => {}));
          throw new TicketError(few ? "cors" : "network", "retry", { few: !!few && unread++ > 3 });
        });
        unread = 0;
        const content: unknown = await answer.json().catch(() => {});
        if (answer.ok && content) return content as Answer;
        if (answer.status !== 401 || !token || why === "rejected") throw refusal(answer, content);
      }
    });
  }

  const request = JSON.stringify(options, ["audience", "scope", "ttl"]);
  const self: TicketSource = {
    async next(signal) {
      const reason = over ? "rejected" : "connect";
      over = false;
      const user = self.user();
      const answer = await call("POST", "", reason, signal, request);
      const ticket = parseTicket(answer, user === self.user() ? user : undefined);
      if (ticket.url) self.address(ticket);
      return ticket;
    },
    judge(failure) {
      const judgement = judge(failure, options.actions);
      over ||= judgement.action === "refresh";
      return judgement;
    },
    shouldRetry: (failure) => self.judge(failure).action !== "stop",
    receipt: (id, signal) => call("GET", `${endpoint.pathname}/${id}`, "connect", signal) as Promise<never>,
    async renew(id, signal) {
      const answer = await call("POST", `connections/${id}/renew`, "renew", signal);
      return Date.now() + (answer["expires_in"] as number) * 1000;
    },
    user: () => options.user?.(),
    address(ticket, url) {
      let target: URL;
      try {
        const own = ticket.url?.split("?")[0]; // an error may quote it
        target = new URL(url ?? own ?? "//", own ?? endpoint);
      } catch {
        throw new TicketError("no_url", "stop");
      }
      target.protocol = target.protocol.replace("http", "ws");
      const hosts = [endpoint.host, ...allowHosts];
      if (!hosts.includes(target.host) || (target.protocol !== "wss:" && endpoint.protocol === "https:"))
        throw new TicketError("foreign_url", "stop", { cause: `${target.host} is not in allowHosts` });
      return target;
    },
  };
  return self;
}
