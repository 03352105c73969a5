import { type ConnectOptions, connect, type Ending, type Message, type SocketLike } from "./connect.ts";
import { type Receipt, TicketError } from "./judge.ts";
import { keepRenewing } from "./renewal.ts";
import { type CloseEventLike, Shape, type SocketEvents } from "./shape.ts";
import type { TicketSource } from "./source.ts";
import type { Ticket } from "./ticket.ts";

/** What a {@link TicketSocket} is doing. `refused` and `closed` are final. */
export type State = "requesting" | "connecting" | "open" | "waiting" | "refused" | "closed";

/** Options of a {@link TicketSocket}. */
export interface TicketSocketOptions extends ConnectOptions {
  /**
   * Pauses before the next attempt: random between 0 and `base` · 2ⁿ, at most `max` milliseconds, drawn for each.
   * After `attempts` in a row that the server did not put off itself, it stops. Default: 500, 20000, no limit.
   */
  readonly backoff?: { readonly base?: number; readonly max?: number; readonly attempts?: number };
  /** Milliseconds that a connection has to last until earlier failures are forgotten. Default: 5000. */
  readonly minUptime?: number;
  /**
   * Milliseconds over which clients come back when the server drains, or those of `backoff` if they are more.
   * Default: 5000, that of `ws.drain_window`.
   */
  readonly drainWindow?: number;
  /** Renews the connection before it ends. Default: true. */
  readonly renew?: boolean;
  /**
   * Bytes that `send` keeps while there is no connection; the source needs `user`. What another user has left is
   * dropped. Default: 0, none.
   */
  readonly queue?: number;
}

/** Why it reconnects. */
export interface ReconnectingEvent extends Event {
  readonly why: string;
  /** The close code, 1006 if there was none. */
  readonly code: number;
  /** How many attempts have failed in a row. */
  readonly attempt: number;
  /** Milliseconds until the next one. */
  readonly delay: number;
}

/** Why it has stopped. `preventDefault()` keeps it out of the console. */
export interface RefusedEvent extends Event {
  readonly why: string;
  readonly code: number;
  /** The status of the answer, if no ticket was issued. */
  readonly status: number | undefined;
  /** What the server says of the ticket, if the handshake was refused. */
  readonly receipt: Receipt | undefined;
}

/** How it ended. */
export interface ClosedEvent extends CloseEventLike {
  /** One word: `done` if it was closed by either side on purpose. */
  readonly why: string;
}

/** The events of a {@link TicketSocket}. `open` comes each time, `close` once, in the end. */
export interface TicketSocketEvents extends SocketEvents {
  close: ClosedEvent;
  reconnecting: ReconnectingEvent;
  refused: RefusedEvent;
  statechange: Event;
}

/**
 * A WebSocket that stays open: each attempt has a ticket of its own, and it ends where trying again does not help.
 * It has the shape of a WebSocket. It starts after the current task, so that listeners can be added first.
 */
export class TicketSocket extends Shape<TicketSocketEvents> {
  /** Fulfilled when it is open for the first time. Rejected with a TicketError if it ends before. */
  readonly ready: Promise<unknown>;
  /** Fulfilled when it has ended. */
  readonly closed: Promise<ClosedEvent>;
  readonly #source: TicketSource;
  readonly #options: TicketSocketOptions;
  /** Messages that wait for a connection, each with the user who has sent it. */
  readonly #queue: { data: Message; size: number; user: string }[] = [];
  #state: State = "requesting";
  #attempt = new AbortController();
  /** What close() asked for. */
  #farewell: { code: number; text: string | undefined; reason: string } | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #away = false; // pagehide
  #wake: () => void = () => {};
  #failures = 0;
  #few = 0;

  constructor(source: TicketSource, options: TicketSocketOptions = {}) {
    super();
    this.#source = source;
    this.#options = options;
    this.closed = new Promise((resolve) => this.addEventListener("close", resolve));
    this.ready = new Promise((resolve, reject) => {
      this.addEventListener("open", resolve);
      this.addEventListener("close", ({ why }) => reject(new TicketError(why, "stop")));
    });
    this.ready.catch(() => {}); // those who do not wait for it have the event
    queueMicrotask(() => {
      // As listeners, so that one that throws stops nothing but itself. They are the last ones, because a subclass
      // that a library gets has to see an event before the library's handler does.
      for (const type of ["open", "message", "close"] as const)
        this.addEventListener(type, (event) => this[`on${type}`]?.(event as never));
      void this.#run();
    });
  }

  /** What it is doing. `statechange` tells of changes. */
  get state(): State {
    return this.#state;
  }

  override get readyState(): number {
    if (/ed$/.test(this.#state)) return 3; // refused, closed
    return this.#farewell ? 2 : this.inner ? 1 : 0;
  }

  /** Bytes that were sent and have not left, and those of the queue. */
  override get bufferedAmount(): number {
    return this.#queue.reduce((sum, { size }) => sum + size, this.inner?.bufferedAmount ?? 0);
  }

  /** Sends a message, or queues it. Returns false if it did neither. */
  send(data: Message): boolean {
    if (this.readyState === 1) {
      this.inner?.send(data as never);
      return true;
    }
    const { queue } = this.#options;
    const user = this.#source.user();
    if (!queue || !user || this.readyState) return false;
    const { size } = new Blob([data as BlobPart]);
    if (this.bufferedAmount + size > queue) return false;
    this.#queue.push({ data, size, user });
    return true;
  }

  /** Ends it for good. The code is 1000 or from 3000 to 4999, as in every WebSocket. */
  close(code?: number, reason?: string): void {
    if (this.readyState > 1) return;
    this.inner?.close(code, reason);
    this.#farewell = { code: code ?? 1005, text: reason, reason: "done" };
    this.#wake();
    if (!this.inner) this.#attempt.abort();
    // A peer may not answer the Close frame.
    this.#closeTimer = setTimeout(() => this.#attempt.abort(), 3000);
  }

  /** The only loop: one attempt after the other, until one is the last. */
  async #run(): Promise<void> {
    const ended = new AbortController();
    const on = (type: string, listener: () => void) => globalThis.addEventListener?.(type, listener, ended);
    on("online", () => this.#wake());
    on("visibilitychange", () => document.hidden || this.#wake());
    // A page that is put away leaves, so that the browser may keep it, and comes back with a new ticket.
    on("pagehide", () => {
      this.#away = true;
      this.#attempt.abort();
    });
    on("pageshow", () => {
      this.#away = false;
      this.#wake();
    });
    let ending: Ending | undefined;
    while (!this.#farewell) {
      this.#attempt = new AbortController();
      this.#to("requesting");
      ending = await connect(this.#source, this.#options, this.#attempt.signal, {
        connecting: ({ id }, address) => {
          this.id = id;
          this.url = address;
          this.#to("connecting");
        },
        open: (socket, ticket) => this.#open(socket, ticket),
        message: (data, origin) => this.emit("message", { data, origin }),
      });
      this.#attempt.abort();
      this.inner = undefined;
      const delay = this.#delayAfter(ending);
      if (this.#farewell || delay === undefined) break;
      this.#to("waiting");
      this.emit("reconnecting", { ...ending, why: ending.reason, attempt: this.#failures, delay });
      if (!this.#farewell) await this.#pause(delay, !!ending.retryAfter);
    }
    clearTimeout(this.#closeTimer);
    ended.abort();
    this.#finish(ending);
  }

  #open(socket: SocketLike, ticket: Ticket): void {
    if (this.#options.renew !== false) keepRenewing(this.#source, ticket, this.#attempt.signal);
    this.adopt(socket);
    for (const { data, user } of this.#queue.splice(0)) if (user === ticket.user) this.send(data);
    this.#to("open");
    this.emit("open");
  }

  /** Returns how long to wait for the next attempt, or undefined if there is none. */
  #delayAfter({ action, few, retryAfter, code, opened }: Ending): number | undefined {
    const {
      backoff: { base = 500, max = 20_000, attempts = 1e9 } = {},
      minUptime = 5000,
      drainWindow = 5000,
    } = this.#options;
    if (opened && Date.now() - opened >= minUptime) this.#failures = this.#few = 0;
    if (this.#away && attempts) return 0;
    if (few) this.#few++;
    if (action === "stop" || this.#few > 5 || this.#failures >= attempts) return undefined;
    const backoff = Math.min(max, base * 2 ** this.#failures, 1e9);
    const pause = Math.random() * Math.max(backoff, code === 1001 ? drainWindow : 0);
    if (retryAfter) return retryAfter + pause;
    return this.#failures++ || action !== "refresh" ? pause : 0;
  }

  /** Waits, and longer while the page is put away or offline. To wake up ends a pause that nobody ordered. */
  #pause(ms: number, ordered: boolean): Promise<void> {
    return new Promise((resolve) => {
      let due = !ordered;
      const wake = () => {
        if (!this.#farewell && (!due || this.#away || globalThis.navigator?.onLine === false)) return;
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        due = true;
        wake();
      }, ms);
      this.#wake = wake;
    });
  }

  #finish(ending?: Ending): void {
    const { code, text, reason: why } = this.#farewell ?? (ending as Ending);
    const wasClean = why === "done";
    this.#queue.length = 0;
    this.#to(wasClean ? "closed" : "refused");
    // A library that reconnects by itself need not read of each end.
    const loud = !wasClean && (ending?.action === "stop" || this.#failures > 0);
    if (loud && this.emit("refused", { ...ending, why, cancelable: true }))
      console.warn(`wsticket: refused: ${why}`);
    this.emit("close", { code, reason: text || why, why, wasClean });
  }

  #to(state: State): void {
    this.#state = state;
    this.emit("statechange");
  }
}
