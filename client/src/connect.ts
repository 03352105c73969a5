import { type CloseLike, type ErrorDetails, type Judgement, judgeReceipt, TicketError } from "./judge.ts";
import type { TicketSource } from "./source.ts";
import type { Ticket } from "./ticket.ts";

/** How a ticket is presented: docs/doors.md. `header` works where the runtime can set headers, not in a page. */
export type Door = "query" | "subprotocol" | "first_message" | "header";

/** What a message may be. */
export type Message = string | ArrayBufferLike | ArrayBufferView | Blob;

/** The part of a WebSocket that is used: every implementation has it. */
export interface SocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: never): void;
  close(code?: number, reason?: string): void;
}

/** A constructor of WebSockets: the runtime's, undici's, that of ws. */
export type SocketClass = new (url: string, ...options: never[]) => SocketLike;

/** Options of one connection. */
export interface ConnectOptions {
  /** Default: `query`. */
  readonly door?: Door;
  /** Where to connect, if not where the server says: a path, or a URL of the same host. It may have a query. */
  readonly url?: string | URL;
  /** Subprotocols of the application. */
  readonly protocols?: string | readonly string[];
  /** Milliseconds until a WebSocket has to be open, first message included. Default: 10000. */
  readonly connectTimeout?: number;
  /** Default: the runtime's. */
  readonly WebSocket?: SocketClass;
}

/** How a connection ended, or why it did not open. */
export interface Ending extends Judgement, ErrorDetails {
  readonly code: number;
  /** The reason on the wire, if it got that far. */
  readonly text?: string | undefined;
  /** When it was open (ms); undefined if it never was. */
  readonly opened?: number | undefined;
}

/** What happens meanwhile. */
export interface Watcher {
  /** The address is without the ticket. */
  connecting(ticket: Ticket, address: string): void;
  open(socket: SocketLike, ticket: Ticket): void;
  message(data: unknown, origin: string): void;
}

/**
 * Gets one ticket, opens one WebSocket with it, and returns how that ended. It is the only caller of the
 * constructor of a WebSocket. Nothing happens any more after the signal was aborted. It never throws.
 */
export async function connect(
  source: TicketSource,
  options: ConnectOptions,
  signal: AbortSignal,
  watch: Watcher,
): Promise<Ending> {
  try {
    const ticket = await source.next(signal);
    const target = source.address(ticket, options.url);
    watch.connecting(ticket, target.href);
    if (signal.aborted) throw new TicketError("aborted", "retry");
    const socket = construct(target, ticket, options);
    const close = await open(socket, ticket, options, signal, watch);
    if (!close.opened && close.code === 1006) {
      const receipt = await source.receipt(ticket.id, signal).catch(() => {});
      if (receipt) throw judgeReceipt(receipt);
    }
    return { ...source.judge(close), ...close };
  } catch (error) {
    return { ...source.judge(error), code: (error as TicketError).code ?? 1006 };
  }
}

/** Waits until a WebSocket is open, and then until it is closed. Returns how. */
function open(
  socket: SocketLike,
  ticket: Ticket,
  { door, connectTimeout = 10_000 }: ConnectOptions,
  signal: AbortSignal,
  watch: Watcher,
): Promise<Pick<Ending, "code" | "text" | "opened">> {
  const first = door === "first_message";
  return new Promise((resolve) => {
    let opened: number | undefined;
    const end = (code: number, text: string) => {
      clearTimeout(timer);
      socket.onopen = socket.onmessage = null;
      resolve({ code, text, opened });
    };
    const leave = (why: string) => {
      end(1006, why);
      socket.close();
    };
    const timer = setTimeout(leave, Math.min(connectTimeout, 1e9), "timeout");
    signal.addEventListener("abort", () => leave("aborted"));
    const ready = () => {
      clearTimeout(timer);
      opened = Date.now();
      watch.open(socket, ticket);
    };
    socket.onopen = () =>
      first ? socket.send(JSON.stringify({ type: "auth", token: ticket.token }) as never) : ready();
    socket.onmessage = ({ data, origin }: { data: unknown; origin: string }) => {
      // What wsticket itself says is not the application's.
      const own = /^{"type":"auth_(ok|expiring)"/.exec(typeof data === "string" ? data : "")?.[1];
      if (own === "ok" && first && !opened) ready();
      else if (opened && own !== "expiring") watch.message(data, origin);
    };
    socket.onclose = ({ code, reason = "" }: CloseLike) => end(code, reason);
    socket.onerror = () => {};
  });
}

/** Constructs the WebSocket that presents a ticket. */
function construct(target: URL, ticket: Ticket, options: ConnectOptions): SocketLike {
  const {
    door = "query",
    protocols = [],
    WebSocket: Socket = globalThis.WebSocket as unknown as SocketClass,
  } = options;
  if (door === "query") target.search += `${target.search ? "&" : "?"}${ticket.query}`;
  const offered = [door === "subprotocol" ? ticket.protocols : [], protocols].flat();
  try {
    if (door !== "header") return new Socket(target.href, offered as never);
    const headers = { Authorization: `Ticket ${ticket.token}` };
    // React Native and ws take the headers third; undici and Bun take them with the protocols.
    return Socket.length > 2
      ? new Socket(target.href, offered as never, { headers } as never)
      : new Socket(target.href, { headers, protocols: offered } as never);
  } catch {
    throw new TicketError("no_socket", "stop"); // its message may quote the address
  }
}
