import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A ticket as the protocol has it, which no service knows. */
export function newTicket(): string {
  const body = `wst1_${randomBytes(32).toString("base64url")}`;
  let rest = crc32(body);
  let sum = "";
  for (let i = 0; i < 6; i++) {
    sum = digits.charAt(rest % 62) + sum;
    rest = Math.floor(rest / 62);
  }
  return body + sum;
}

/** The ID of a ticket, which is public. */
export function ticketId(ticket: string): string {
  return createHash("sha256").update(ticket).digest("base64url").slice(0, 22);
}

/** What a test changes in an issuing answer. An undefined member is left out. */
export type Changes = Readonly<Record<string, unknown>>;

/** The body of an issuing answer of the service at host, with a fresh ticket. */
export function issued(
  host: string,
  changes: Changes = {},
  scheme: "ws" | "wss" = "ws",
): Record<string, unknown> {
  const ticket = newTicket();
  const iso = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  return {
    ticket,
    ticket_id: ticketId(ticket),
    expires_in: 30,
    expires_at: iso(30),
    url: `${scheme}://${host}/ws?ticket=${ticket}`,
    protocols: ["wsticket.v1", `ticket.${ticket}`],
    connection_expires_at: iso(3600),
    ...changes,
  };
}

/** The ticket in a handshake: of the query, or of the subprotocols. */
export function ticketOf(url: string, protocols: string): string | undefined {
  return /wst1_[\w-]{49}/.exec(`${url} ${protocols}`)?.[0];
}
