// The connection of the page to the application.
import { TicketSocket } from "../../../client/src/index.ts";
import { addressOf, type Door, openSession, type Settings } from "./trial.ts";
import type { Visitor } from "./visitor.ts";

/** Why there is no connection, or not any more. */
export interface End {
  code: number;
  /** The reason on the wire, or the one that the receipt of the ticket has. */
  reason: string;
  /** Whether the client tries again by itself. */
  again?: boolean;
}

/** What the application says first. */
export interface Greeting {
  userId: string;
  connectionId: string;
}

/** A door for tickets. */
export type TicketDoor = Exclude<Door, "cookie">;

/** What is known of a connection. */
export interface Opened {
  door: Door;
  /** Undefined for a session cookie. */
  ticket: Visitor["handed"];
}

type Socket = TicketSocket | WebSocket;

/**
 * Waits until a socket is open for the first time. The error is an {@link End}: an application would wait for the
 * next attempt, and somebody who tries a door wants to know.
 */
export function firstOpen(socket: TicketSocket): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let opened = false;
    socket.addEventListener("open", (event) => {
      opened = true;
      resolve(event);
    });
    socket.addEventListener("reconnecting", ({ code, why }) => {
      reject({ code, reason: why });
      if (!opened) socket.close();
    });
    socket.addEventListener("refused", (event) => event.preventDefault()); // it is shown, and need not be in the console
    socket.addEventListener("close", ({ code, reason }) => reject({ code, reason }));
  });
}

/**
 * One connection at a time. It fires `change` when it opens or ends, and `message` with what the application says.
 */
export class Connection extends EventTarget {
  /** Undefined while there is none. */
  opened: Opened | undefined;
  /** How the last one ended. */
  end: End | undefined;
  greeting: Greeting | undefined;
  /** The door of the last connection. */
  door: Door;
  readonly #visitor: Visitor;
  readonly #settings: Settings;
  #socket: Socket | undefined;

  /** Connects the visitor. The connection ends when the visitor leaves. */
  constructor(visitor: Visitor, settings: Settings) {
    super();
    this.#visitor = visitor;
    this.#settings = settings;
    this.door = settings.doors[0] ?? "query";
    visitor.addEventListener("change", () => {
      if (!visitor.name && this.#socket) this.close();
    });
  }

  /** The door of the last connection if that is one for tickets, or else the first one that is open. */
  get ticketDoor(): TicketDoor {
    const [first = "query"] = this.#settings.doors.filter((door) => door !== "cookie");
    return this.door === "cookie" ? first : this.door;
  }

  /** Connects by a door, in place of the connection that there is. The error is an {@link End}. */
  async open(door: Door): Promise<Opened> {
    this.close();
    return door === "cookie" ? this.#openByCookie() : this.#openByTicket(door);
  }

  /** Returns the connection that there is, or opens one. While the client tries to come back, that is an error. */
  async present(): Promise<Opened> {
    if (this.end?.again)
      throw new Error("The connection is lost, and the client tries to come back by itself.");
    return this.opened ?? this.open(this.door);
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

  async #openByTicket(door: TicketDoor): Promise<Opened> {
    const socket = new TicketSocket(this.#visitor.source, { door });
    this.#take(socket);
    socket.addEventListener("open", () => this.#is({ door, ticket: this.#visitor.handed }));
    socket.addEventListener("close", ({ code, reason }) => this.#ended(socket, { code, reason }));
    await firstOpen(socket);
    // Later on the client comes back by itself.
    socket.addEventListener("reconnecting", ({ code, why }) =>
      this.#is(undefined, { code, reason: why, again: true }),
    );
    return { door, ticket: this.#visitor.handed };
  }

  async #openByCookie(): Promise<Opened> {
    await openSession(this.#visitor.name);
    const socket = new WebSocket(addressOf(this.#settings));
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
    if (!this.opened && !this.end) return; // it was never open
    if (end.code === 4003) this.#visitor.leave();
    this.#is(undefined, end);
  }

  #is(opened: Opened | undefined, end?: End): void {
    this.opened = opened;
    this.door = opened?.door ?? this.door;
    this.end = end;
    if (!opened) this.greeting = undefined;
    this.dispatchEvent(new Event("change"));
  }
}
