// What lines of the log are about.

type Fields = Record<string, string>;

/** Reports whether a line is about a handshake, and not about a ticket or this page. */
export function isHandshake({ msg, path = "" }: Fields): boolean {
  return msg === "request" && path !== "/" && !/^\/(ws-ticket|connections|demo)(\/|$)/.test(path);
}

/** Reports whether a line has let somebody in: the 101, or what follows the first message. */
export function hasOpened(fields: Fields, id: string): boolean {
  if (fields["ticket_id"] !== id) return false;
  return fields["msg"] === "handshake settled" || (isHandshake(fields) && fields["status"] === "101");
}
