// The connection of the page to the application.
import { TicketSocket } from "../../../client/src/index.ts";
import { openSession } from "./trial.ts";
import type { Visitor } from "./visitor.ts";

/** How the page shows who it is. */
export type Door = "query" | "subprotocol" | "first_message" | "cookie";

/** Why there is no connection, or not any more. */
export interface End {
  code: number;
  /** The reason on the wire, or the one that the receipt of the ticket has. */
  reason: string;
}

/** What the application says first. */
export interface Greeting {
  userId: string;
  connectionId: string;
}

/** What is known of a connection. */
export interface Opened {
  door: Door;
  /** Undefined for a session cookie. */
  ticket: Visitor["handed"];
}

type Socket = TicketSocket | WebSocket;

/**
 * One connection at a time. It fires `change` when it opens or ends, and `message` with what the application says.
 */
export class Connection extends EventTarget {
  /** Undefined while there is none. */
  opened: Opened | undefined;
  /** How the last one ended. */
  end: End | undefined;
  greeting: Greeting | undefined;
  readonly #visitor: Visitor;
  readonly #path: string;
  #socket: Socket | undefined;

  constructor(visitor: Visitor, path: string) {
    super();
    this.#visitor = visitor;
    this.#path = path;
  }

  /** Connects by a door, in place of the connection that there is. The error is an {@link End}. */
  async open(door: Door): Promise<Opened> {
    this.close();
    return door === "cookie" ? this.#openByCookie() : this.#openByTicket(door);
  }

  /** Returns the connection that there is, or opens one. */
  async present(): Promise<Opened> {
    return this.opened ?? this.open("query");
  }

  /** Sends a text to the application. */
  send(text: string): void {
    this.#socket?.send(text);
  }

  /** Leaves, if there is a connection. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#is(undefined);
  }

  #openByTicket(door: Exclude<Door, "cookie">): Promise<Opened> {
    const socket = new TicketSocket(this.#visitor.source, { door });
    this.#take(socket);
    let opens = 0;
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => {
        opens++;
        const opened = { door, ticket: this.#visitor.handed };
        this.#is(opened);
        resolve(opened);
      });
      socket.addEventListener("reconnecting", ({ code, why }) => {
        const end = { code, reason: why };
        // An application would wait for the next attempt. Somebody who tries a door wants to know.
        if (opens === 0) this.close();
        if (this.#socket === socket) this.#is(undefined, end);
        reject(end);
      });
      socket.addEventListener("refused", (event) => event.preventDefault()); // it is shown, and need not be in the console
      socket.addEventListener("close", ({ code, reason }) => {
        reject({ code, reason });
        this.#ended(socket, { code, reason });
      });
    });
  }

  async #openByCookie(): Promise<Opened> {
    await openSession(this.#visitor.name);
    const socket = new WebSocket(location.origin.replace("http", "ws") + this.#path);
    this.#take(socket);
    return new Promise((resolve, reject) => {
      socket.onopen = () => {
        const opened: Opened = { door: "cookie", ticket: undefined };
        this.#is(opened);
        resolve(opened);
      };
      socket.onclose = ({ code, reason }) => {
        reject({ code, reason });
        this.#ended(socket, { code, reason });
      };
    });
  }

  #take(socket: Socket): void {
    this.#socket = socket;
    const hear = ({ data }: { data: unknown }) => {
      if (this.#socket === socket) this.#hear(String(data));
    };
    if (socket instanceof WebSocket) socket.onmessage = hear;
    else socket.addEventListener("message", hear);
  }

  // The echo application greets first. Another one may not.
  #hear(text: string): void {
    if (!this.greeting && text.startsWith('{"type":"hello"')) {
      this.greeting = JSON.parse(text);
      this.dispatchEvent(new Event("change"));
      return;
    }
    this.dispatchEvent(new MessageEvent("message", { data: text }));
  }

  #ended(socket: Socket, end: End): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    if (end.code === 4003) this.#visitor.leave();
    this.#is(undefined, end);
  }

  #is(opened: Opened | undefined, end?: End): void {
    this.opened = opened;
    this.end = end;
    if (!opened) this.greeting = undefined;
    this.dispatchEvent(new Event("change"));
  }
}
