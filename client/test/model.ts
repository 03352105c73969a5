import { FakeSocket } from "./fake-socket.ts";
import { type Changes, issued, ticketOf } from "./tickets.ts";

/** A request to the fake service. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly init: RequestInit;
  /** When it was asked, ms of the fake clock. */
  readonly at: number;
}

/** What answers a request: a promise as of fetch. */
export type Answer = (asked: Asked) => Promise<Response>;

/** A service in memory, for tests with fake timers. */
export class Model {
  /** Answers `POST /ws-ticket`, receipts and renewals. */
  onTicket: Answer = () => ticket();
  onReceipt: Answer = () => problem(404, "not_found");
  onRenew: Answer = () => problem(404, "not_found");
  /** Answers the question whether anybody is there, which is asked without CORS where fetch has failed. */
  onProbe: Answer = networkError;
  /** Called for each new socket. */
  onSocket: (socket: FakeSocket) => void = (socket) => queueMicrotask(() => socket.serverOpen());
  readonly asked: Asked[] = [];
  readonly sockets: FakeSocket[] = [];
  /** When each socket was made, ms of the fake clock. */
  readonly socketTimes: number[] = [];
  /** The most sockets that were not closed at one time. */
  mostAlive = 0;
  readonly WebSocket: typeof FakeSocket;
  /** Aborted requests that nobody answered. */
  aborted = 0;

  constructor() {
    const note = (socket: FakeSocket) => this.#note(socket);
    this.WebSocket = class extends FakeSocket {
      constructor(...args: ConstructorParameters<typeof FakeSocket>) {
        super(...args);
        note(this);
      }
    };
  }

  #note(socket: FakeSocket): void {
    this.sockets.push(socket);
    this.socketTimes.push(Date.now());
    this.mostAlive = Math.max(this.mostAlive, this.sockets.filter(({ alive }) => alive).length);
    this.onSocket(socket);
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket yet");
    return socket;
  }

  /** The requests for tickets. */
  get ticketRequests(): Asked[] {
    return this.asked.filter(({ method, url }) => method === "POST" && url.endsWith("/ws-ticket"));
  }

  /** The ticket of each handshake, or of its first message. */
  get presented(): (string | undefined)[] {
    return this.sockets.map(({ url, protocols, headers, sent }) =>
      ticketOf(url, `${protocols} ${JSON.stringify(headers)} ${sent[0]}`),
    );
  }

  /** A fetch of this service. */
  readonly fetch: typeof fetch = (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const asked: Asked = {
      method: init.method ?? "GET",
      url,
      headers: new Headers(init.headers),
      body: String(init.body ?? ""),
      init,
      at: Date.now(),
    };
    if (init.signal?.aborted) return Promise.reject(init.signal.reason);
    this.asked.push(asked);
    return this.#untilAborted(this.#answer(asked), init.signal);
  };

  #answer(asked: Asked): Promise<Response> {
    if (asked.init.mode === "no-cors") return this.onProbe(asked);
    if (asked.url.endsWith("/renew")) return this.onRenew(asked);
    return asked.method === "GET" ? this.onReceipt(asked) : this.onTicket(asked);
  }

  #untilAborted(answer: Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
    return new Promise((resolve, reject) => {
      let answered = false;
      answer
        .finally(() => {
          answered = true;
        })
        .then(resolve, reject);
      signal?.addEventListener("abort", () => {
        if (!answered) this.aborted++;
        reject(signal.reason);
      });
    });
  }
}

/** The host of the fake service. */
export const host = "api.example.com";
/** Where its tickets are had. */
export const ticketUrl: string = `https://${host}/ws-ticket`;

/** 201 with a fresh ticket. */
export function ticket(changes: Changes = {}): Promise<Response> {
  return json(201, issued(host, changes, "wss"));
}

/** A problem of the service. */
export function problem(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return json(status, { type: "about:blank", title: "A problem", status, code }, headers);
}

/** Any JSON. */
export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return text(status, JSON.stringify(body), headers);
}

/** Any body. */
export function text(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return Promise.resolve(
    new Response(body, { status, headers: { "Content-Type": "application/json", ...headers } }),
  );
}

/** No answer; an abort ends it. */
export function hang(): Promise<Response> {
  return new Promise(() => {});
}

/** What fetch says of a network that fails. */
export function networkError(): Promise<Response> {
  return Promise.reject(new TypeError("fetch failed"));
}
