/**
 * WebSockets that open with single-use tickets.
 * @module
 */
export type { ConnectOptions, Door, Message, SocketClass, SocketLike } from "./connect.ts";
export {
  type Action,
  type Actions,
  type CloseLike,
  type Judgement,
  type Receipt,
  TicketError,
} from "./judge.ts";
export type { CloseEventLike, MessageEventLike, SocketEvents } from "./shape.ts";
export {
  type ClosedEvent,
  type ReconnectingEvent,
  type RefusedEvent,
  type State,
  TicketSocket,
  type TicketSocketEvents,
  type TicketSocketOptions,
} from "./socket.ts";
export {
  type Bearer,
  type BearerReason,
  type BearerRequest,
  type TicketSource,
  type TicketSourceOptions,
  ticketSource,
} from "./source.ts";
export type { Ticket } from "./ticket.ts";
export { type TicketWebSocket, type TicketWebSocketClass, ticketWebSocket } from "./web-socket.ts";
