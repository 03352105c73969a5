import { TicketError } from "./judge.ts";

/** A ticket. It opens one WebSocket, once, until `expiresAt`. Times are milliseconds by the clock of this machine. */
export interface Ticket {
  /** The secret. It is worth nothing once it was presented. */
  readonly token: string;
  /** Names the ticket, its receipt and its connection. Not a secret. */
  readonly id: string;
  /** Where to connect, with the ticket in the query. Undefined if the audience has no path of its own. */
  readonly url: string | undefined;
  /** The subprotocols that present the ticket instead. */
  readonly protocols: readonly string[];
  /** The part of a query that presents it, such as `ticket=wst1_…`. */
  readonly query: string;
  /** Who it is for, as the source's `user` says. */
  readonly user: string | undefined;
  readonly expiresAt: number;
  /** When the connection ends, unless it is renewed. */
  readonly connectionExpiresAt: number;
}

/** What the server answers. Nothing of it is certain. */
interface Issued {
  readonly ticket: string;
  readonly ticket_id: string;
  readonly url?: string;
  readonly expires_in: number;
  readonly expires_at: string;
  readonly connection_expires_at: string;
}

/** Reads the answer to POST /ws-ticket. */
export function parseTicket(answer: unknown, user: string | undefined): Ticket {
  const { ticket: token, ticket_id: id, url, ...issued } = answer as Issued;
  const now = Date.now();
  const expiresAt = now + issued.expires_in * 1000;
  // The server's clock may differ: what counts is the time between its own times.
  const connectionExpiresAt =
    expiresAt + Date.parse(issued.connection_expires_at) - Date.parse(issued.expires_at);
  if (!/^wst1_[\w-]{49} [\w-]{22}$/.test(`${token} ${id}`) || !(expiresAt > now && connectionExpiresAt > 0))
    throw new TicketError("bad_answer", "retry");
  return {
    token,
    id,
    url,
    protocols: ["wsticket.v1", `ticket.${token}`],
    query: String(url).split("?")[1] ?? `ticket=${token}`,
    user,
    expiresAt,
    connectionExpiresAt,
  };
}
