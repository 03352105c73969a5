import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { type Changes, issued, ticketOf } from "./tickets.ts";

/** Answers one HTTP request, or does not. */
export type Answer = (response: ServerResponse, server: BadServer) => void;
/** Answers one handshake, or does not. */
export type Handshake = (shake: Shake) => void;

/** A handshake that waits for its answer. */
export interface Shake {
  readonly request: IncomingMessage;
  readonly stream: Duplex;
  /** Completes it. The promise of the socket is settled when it is open. */
  accept(): Promise<WebSocket>;
}

/** What a server does, step by step; the last step is for all that follow. */
export class Script<Step> {
  #steps: Step[];
  /** How many steps were taken. */
  taken = 0;

  constructor(step: Step) {
    this.#steps = [step];
  }

  /** Replaces what is left of the script. */
  set(...steps: readonly Step[]): void {
    this.#steps = [...steps];
  }

  next(): Step {
    this.taken++;
    const step = this.#steps.length > 1 ? this.#steps.shift() : this.#steps[0];
    return step as Step;
  }
}

/** A request as it came. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  body: string;
}

const servers = new Set<BadServer>();
afterAll(() => Promise.all([...servers].map((server) => server.stop())));

/** A server that does what a script says, and notes what is asked of it. */
export class BadServer {
  readonly tickets: Script<Answer> = new Script(ticket());
  readonly receipts: Script<Answer> = new Script(problem(404, "not_found"));
  readonly renewals: Script<Answer> = new Script(problem(404, "not_found"));
  readonly handshakes: Script<Handshake> = new Script(open());
  /** Requests so far, without handshakes. */
  readonly requests: Request[] = [];
  /** Tickets that handshakes presented, in their order. */
  readonly presented: (string | undefined)[] = [];
  /** Subprotocols that handshakes offered. */
  readonly offered: string[] = [];
  /** Streams of handshakes and WebSockets that are not closed. */
  readonly streams: Set<Duplex> = new Set();
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: chooseProtocol });
  readonly #connections = new Set<Socket>();

  static async start(): Promise<BadServer> {
    const server = new BadServer();
    servers.add(server);
    server.#server.on("upgrade", (request, stream, head) => server.#shake(request, stream, head));
    server.#server.on("connection", (socket) => {
      server.#connections.add(socket);
      socket.once("close", () => server.#connections.delete(socket));
    });
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get ticketUrl(): string {
    return `http://${this.host}/ws-ticket`;
  }

  /** How many requests for tickets came. */
  get asked(): number {
    return this.tickets.taken;
  }

  /** Ends it with all connections. */
  async stop(): Promise<void> {
    servers.delete(this);
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url: path = "", headers } = request;
    const noted: Request = { method, path, headers, body: "" };
    this.requests.push(noted);
    response.on("error", () => {});
    request.on("error", () => {});
    request.on("data", (chunk) => {
      noted.body += chunk;
    });
    request.on("end", () => this.#script(method, path).next()(response, this));
  }

  #script(method: string, path: string): Script<Answer> {
    if (path.endsWith("/renew")) return this.renewals;
    return method === "GET" ? this.receipts : this.tickets;
  }

  #shake(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const protocols = request.headers["sec-websocket-protocol"] ?? "";
    this.presented.push(ticketOf(request.url ?? "", protocols));
    this.offered.push(protocols);
    this.streams.add(stream);
    stream.on("error", () => {});
    stream.once("close", () => this.streams.delete(stream));
    const accept = () =>
      new Promise<WebSocket>((resolve) => {
        this.#sockets.handleUpgrade(request, stream, head, (socket) => {
          socket.on("error", () => {});
          resolve(socket);
        });
      });
    this.handshakes.next()({ request, stream, accept });
  }
}

function chooseProtocol(offered: Set<string>): string | false {
  for (const protocol of offered) if (!protocol.startsWith("ticket.")) return protocol;
  return false;
}

/** 201 with a fresh ticket of this server. */
export function ticket(changes: Changes = {}): Answer {
  return (response, server) => send(response, 201, JSON.stringify(issued(server.host, changes)));
}

/** A problem as the service writes it. */
export function problem(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = JSON.stringify({ type: "about:blank", title: "A problem", status, code, request_id: "r" });
  return (response) =>
    send(response, status, body, { "Content-Type": "application/problem+json", ...headers });
}

/** Any answer. */
export function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => send(response, status, body, headers);
}

/** No answer at all. */
export function hang(): Answer {
  return () => {};
}

/** The head of an answer and the beginning of a body that never ends. */
export function hangInBody(): Answer {
  return (response) => {
    response.writeHead(201, { "Content-Type": "application/json" });
    response.write('{"ticket":');
  };
}

/** A body that never ends, as fast as it is read. */
export function endless(): Answer {
  return (response) => {
    const chunk = " ".repeat(64 << 10);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.writeHead(201, { "Content-Type": "application/json" }).on("drain", more);
    more();
  };
}

/** The connection ends instead of an answer. */
export function reset(): Answer {
  return (response) => response.destroy();
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(body);
}

/** Completes the handshake; then what `live` does happens. */
export function open(live: (socket: WebSocket) => void = () => {}): Handshake {
  return ({ accept }) => void accept().then(live);
}

/** Completes the handshake and closes at once. Code 1006 ends the connection without a close frame. */
export function openThenClose(code: number, reason = ""): Handshake {
  return open((socket) => (code === 1006 ? socket.terminate() : socket.close(code, reason)));
}

/** Completes the handshake and answers the first message. */
export function openThenAnswer(...messages: readonly (string | Buffer)[]): Handshake {
  return open((socket) => {
    socket.once("message", () => {
      for (const message of messages) socket.send(message);
    });
  });
}

/** Refuses the handshake with a status; a page sees 1006. */
export function refuse(status: number): Handshake {
  return ({ stream }) =>
    void stream.resume().end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

/** The handshake is never answered. */
export function hangHandshake(): Handshake {
  // Without reading, it would not see that the client leaves.
  return ({ stream }) => void stream.resume().once("end", () => stream.destroy());
}
