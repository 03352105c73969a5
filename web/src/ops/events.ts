// What happened to a ticket, in words.

/** An event as GET /ops/tickets/{id} has it. */
export interface TicketEvent {
  at: string;
  instance?: string;
  kind: string;
  action?: string;
  outcome?: string;
  reason?: string;
  door?: string;
  seconds: number;
  client_ip?: string;
  request_id?: string;
  caller?: string;
  method?: string;
  route?: string;
  status?: number;
  close_code?: number;
  closed_by?: string;
}

/** What GET /ops/tickets/{id} answers. */
export interface Timeline {
  /** The trail of all processes, or what this process saw, or that because the database does not answer. */
  source: "database" | "process" | "process_only";
  /** Of a process: since when it watches, and since when everything is there. */
  started?: string;
  since?: string;
  left_out: number;
  gap?: boolean;
  events: TicketEvent[];
}

/** How an event looks: good, bad, warn, or an empty word for one that decides nothing. */
export type Look = "good" | "bad" | "warn" | "";

/** The title of an event, and how it looks. */
export function titleOf(e: TicketEvent): [string, Look] {
  switch (e.kind) {
    case "issue":
      return ["Issued", "good"];
    case "redeem":
      return ["Redeemed", "good"];
    case "admit":
      return ["Admitted by a bearer or session", "good"];
    case "connect":
      return ["Connected", "good"];
    case "renew":
      return ["Renewed", "good"];
    case "disconnect":
      return [`Closed${e.close_code ? ` with ${e.close_code}` : ""}`, e.closed_by === "relay" ? "warn" : ""];
    case "revoke":
      return ["Revoked", "warn"];
    case "replay":
      return ["Replayed, and refused", "bad"];
    case "tripwire":
      return ["Replayed while its connection is live", "bad"];
    case "request":
      return [
        `${e.method ?? "Request"} ${e.route ?? ""} answered ${e.status ?? ""}`,
        refused(e) ? "bad" : "",
      ];
    case "limit":
      return ["Refused because of a limit", "bad"];
    case "fence":
      return ["Refused: from before a failover", "bad"];
    case "lost":
      return ["Events were lost", "bad"];
    case "recheck":
      return ["Session looked at again", "warn"];
    default:
      return [`Refused${e.action ? `: ${e.action}` : ""}`, "bad"];
  }
}

function refused(e: TicketEvent): boolean {
  return e.reason !== undefined && e.reason !== "" && e.reason !== "ok" && e.reason !== "pending";
}

const closers: Record<string, string> = {
  client: "by the client",
  upstream: "by the application",
  relay: "by wsticket",
};

/** Says in one sentence what became of the ticket. */
export function summaryOf(events: TicketEvent[]): [string, Look] {
  const reversed = [...events].reverse();
  const last = (kind: string) => reversed.find((e) => e.kind === kind);
  const [closed, connected, redeemed, issued] = [
    last("disconnect"),
    last("connect"),
    last("redeem"),
    last("issue"),
  ];
  const again = events.some((e) => e.kind === "replay") ? " It was presented again, and refused." : "";
  if (closed) {
    const by = closers[closed.closed_by ?? ""] ?? "";
    return [
      `Its connection was closed ${by} with ${closed.close_code ?? "no code"}.${again}`,
      again ? "warn" : "",
    ];
  }
  if (connected) return [`Its connection is open.${again}`, again ? "warn" : "good"];
  if (redeemed) return [`It was redeemed${redeemed.caller ? ` by ${redeemed.caller}` : ""}.${again}`, "good"];
  if (last("revoke")) return ["It was revoked before anybody redeemed it.", "warn"];
  const refusal = reversed.find(refused);
  if (refusal) return [`It was refused: ${refusal.reason}.`, "bad"];
  if (issued) return ["It was issued, and nobody has presented it.", ""];
  return ["Only a part of it is known.", ""];
}
