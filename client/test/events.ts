import { afterEach } from "vitest";
import type { TicketSocket } from "../src/index.ts";

/** What the events of these tests have. */
// biome-ignore lint/suspicious/noExplicitAny: each kind of event has members of its own
type Seen = any;

/** The next event of a kind that a condition holds for. */
export function when(
  target: EventTarget,
  type: string,
  condition: (event: Seen) => boolean = () => true,
): Promise<Seen> {
  return new Promise((resolve) => {
    const listener = (event: Event) => {
      if (!condition(event)) return;
      target.removeEventListener(type, listener);
      resolve(event);
    };
    target.addEventListener(type, listener);
  });
}

/** Notes all events of a target, in their order. */
export function record(target: EventTarget): Seen[] {
  const seen: Seen[] = [];
  for (const type of ["open", "message", "reconnecting", "refused", "close", "error", "statechange"]) {
    target.addEventListener(type, (event) => seen.push(event));
  }
  return seen;
}

/** Sockets that are closed when a test, or with afterAll a file, is done. */
export function openTicketSockets(done: (close: () => void) => void = afterEach): {
  add: (socket: TicketSocket) => TicketSocket;
} {
  const sockets: TicketSocket[] = [];
  done(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });
  return {
    add: (socket) => {
      sockets.push(socket);
      return socket;
    },
  };
}
