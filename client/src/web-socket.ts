import type { ConnectOptions, Message } from "./connect.ts";
import type { Shape } from "./shape.ts";
import { TicketSocket } from "./socket.ts";
import type { TicketSource } from "./source.ts";

/** A WebSocket that gets its ticket by itself. It does not reconnect: the library that made it does. */
export interface TicketWebSocket extends Shape {
  // Not abstract here, so that classes can extend it.
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: Message): void;
  close(code?: number, reason?: string): void;
}

/** The class that {@link ticketWebSocket} returns. */
export interface TicketWebSocketClass {
  new (url?: string | URL | null, protocols?: string | readonly string[]): TicketWebSocket;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
}

/**
 * Returns a class for libraries that take one: `transport` of Phoenix, `webSocketImpl` of graphql-ws, `WebSocket`
 * of partysocket. Each instance makes one ticket and one connection. The URL of the library is kept, with the
 * ticket added, and has to be of a host of the source. A ticket that is refused becomes a close event, with a code
 * that says what to do and the reason; {@link TicketSource.shouldRetry} judges it.
 */
export function ticketWebSocket(source: TicketSource, options: ConnectOptions = {}): TicketWebSocketClass {
  return class extends TicketSocket {
    constructor(url?: string | URL, protocols?: string[]) {
      super(source, {
        ...options,
        ...(url && { url }),
        ...(protocols && { protocols }),
        backoff: { attempts: 0 },
      });
    }
  } as unknown as TicketWebSocketClass;
}
