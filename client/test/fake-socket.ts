interface HeaderOptions {
  readonly protocols?: string | readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}

/**
 * A WebSocket in memory, as the standard has it, for tests with fake timers. The
 * server's side are the methods that begin with `server`.
 */
export class FakeSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;

  readonly url: string;
  /** What was offered. */
  readonly protocols: readonly string[];
  /** Headers, as undici and Bun take them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions = "";
  protocol = "";
  readyState = 0;
  binaryType = "blob";
  bufferedAmount = 0;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: Event) => void) | null = null;
  /** What the client has sent, and the arguments of its close. */
  readonly sent: unknown[] = [];
  closing: { code?: number | undefined; reason?: string | undefined } | undefined;
  /** Called for each message that the client sends, and when it closes. */
  onsent: ((data: unknown) => void) | undefined;
  onclosing: (() => void) | undefined;

  constructor(url: string | URL, options: string | readonly string[] | HeaderOptions = []) {
    super();
    const { protocols = [], headers = {} } =
      typeof options === "string" || isList(options) ? { protocols: options } : options;
    const parsed = new URL(url);
    if (!/^wss?:$/.test(parsed.protocol)) throw new DOMException("not a WebSocket URL", "SyntaxError");
    this.url = parsed.href;
    this.protocols = typeof protocols === "string" ? [protocols] : protocols;
    if (new Set(this.protocols).size !== this.protocols.length)
      throw new DOMException("a protocol twice", "SyntaxError");
    this.headers = headers;
  }

  send(data: unknown): void {
    if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
    if (this.readyState !== 1) return;
    this.sent.push(data);
    this.onsent?.(data);
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException("not a code of applications", "InvalidAccessError");
    }
    if (reason !== undefined && new TextEncoder().encode(reason).length > 123) {
      throw new DOMException("the reason is too long", "SyntaxError");
    }
    if (this.readyState >= 2) return;
    this.closing = { code, reason };
    const opened = this.readyState === 1;
    this.readyState = 2;
    // A handshake is given up at once; a peer may answer a close frame, or not.
    if (opened) this.onclosing?.();
    else queueMicrotask(() => this.serverFail());
  }

  /** Whether the socket still takes a place: it is not closed. */
  get alive(): boolean {
    return this.readyState !== 3;
  }

  /** Completes the handshake. */
  serverOpen(protocol?: string): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.protocol = protocol ?? this.protocols.find((offered) => !offered.startsWith("ticket.")) ?? "";
    this.#emit(new Event("open"));
  }

  /** A message, where the client still listens. */
  serverSend(data: unknown): void {
    if (this.readyState === 1 || this.readyState === 2) this.#emit(new MessageEvent("message", { data }));
  }

  /** A close frame, and the end. */
  serverClose(code: number, reason = "", wasClean = true): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#emit(Object.assign(new Event("close"), { code, reason, wasClean }));
  }

  /** The connection fails, or the handshake is refused. */
  serverFail(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#emit(new Event("error"));
    this.#emit(Object.assign(new Event("close"), { code: 1006, reason: "", wasClean: false }));
  }

  #emit(event: Event): void {
    const handler = this[`on${event.type}` as "onopen"];
    handler?.call(this, event);
    this.dispatchEvent(event);
  }
}
