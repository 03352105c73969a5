import type { Message, SocketLike } from "./connect.ts";

type Handler<E> = ((event: E) => void) | null;

/** The type of a global class, so that listeners may be written for it, or another one where there is none. */
type Global<Name extends string, Else> = typeof globalThis extends { [N in Name]: { prototype: infer E } }
  ? E
  : Else;

/** A close event: `CloseEvent` where the runtime has it. */
export type CloseEventLike = Global<
  "CloseEvent",
  Event & { readonly code: number; readonly reason: string; readonly wasClean: boolean }
>;

/** A message event: `MessageEvent` where the runtime has it. */
export type MessageEventLike = Global<
  "MessageEvent",
  Event & { readonly data: unknown; readonly origin: string }
>;

/** The events that every WebSocket has. */
export interface SocketEvents {
  open: Event;
  message: MessageEventLike;
  error: Event;
  close: CloseEventLike;
}

/** An EventTarget that knows the types of its events. */
export interface Typed<Events> {
  addEventListener<K extends keyof Events & string>(
    type: K,
    listener: ((event: Events[K]) => void) | { handleEvent(event: Events[K]): void } | null,
    options?: boolean | { once?: boolean; passive?: boolean; capture?: boolean; signal?: AbortSignal },
  ): void;
  removeEventListener<K extends keyof Events & string>(
    type: K,
    listener: ((event: Events[K]) => void) | { handleEvent(event: Events[K]): void } | null,
    options?: boolean | { capture?: boolean },
  ): void;
  dispatchEvent(event: Event): boolean;
}

const Target: new <Events>() => Typed<Events> = EventTarget as never;

/** What both kinds of sockets have of a WebSocket. */
export abstract class Shape<Events extends SocketEvents = SocketEvents> extends Target<Events> {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  onopen: Handler<Event> = null;
  onmessage: Handler<MessageEventLike> = null;
  onerror: Handler<Event> = null;
  onclose: Handler<CloseEventLike> = null;
  /** Where it is connected to, without the ticket: safe to log. */
  url = "";
  /** The ID of the ticket and of the connection, which logs of the server have. */
  id = "";
  protected inner: SocketLike | undefined;
  #binaryType: string | undefined;

  /** 0 while there is no connection, 1 while it is open, 2 while it is being closed, 3 in the end. */
  abstract readonly readyState: number;

  /** `blob` or `arraybuffer`; what the implementation has by default until it is set. */
  get binaryType(): string {
    return this.#binaryType ?? "blob";
  }

  set binaryType(type: string) {
    this.#binaryType = type;
    if (this.inner) this.inner.binaryType = type;
  }

  /** The subprotocol that was chosen. */
  get protocol(): string {
    return this.inner?.protocol ?? "";
  }

  abstract readonly bufferedAmount: number;
  abstract send(data: Message): void;
  abstract close(code?: number, reason?: string): void;

  /** Takes a socket that has opened. */
  protected adopt(socket: SocketLike): void {
    this.inner = socket;
    if (this.#binaryType) socket.binaryType = this.#binaryType;
  }

  /** Fires an event, and returns false if a listener has prevented its default. */
  protected emit(type: keyof Events & string, fields: Record<string, unknown> = {}): boolean {
    // Libraries copy events by their constructors, so those of a WebSocket are real ones where the runtime has them.
    const { MessageEvent, CloseEvent } = globalThis;
    const Real = { message: MessageEvent, close: CloseEvent }[type as string] ?? Event;
    const event: Event & Record<string, unknown> = new Real(type, fields) as never;
    for (const name in fields) if (!(name in event)) event[name] = fields[name];
    return this.dispatchEvent(event);
  }
}
