// What an operator can do to connections.
import { el, put } from "../look/dom.ts";
import { count, moment } from "../look/format.ts";
import { confirm } from "./dialog.ts";
import type { Service } from "./service.ts";

/** A connection as GET /connections lists it. */
export interface Connection {
  connection_id: string;
  node?: string;
  iss: string;
  sub: string;
  sid?: string;
  aud: string;
  door: string;
  client_ip?: string;
  since: string;
  connection_expires_at: string;
}

/** A page of them. */
export interface Page {
  connections: Connection[];
  next?: string;
  partial: boolean;
  nodes: { name?: string; connections: number }[];
  missing?: string[];
}

/** Asks whether to cut a connection, and does it. */
export function cut(service: Service, c: Connection, done: () => void): void {
  confirm({
    title: `Cut this connection of ${c.sub}?`,
    body: [
      el(
        "p",
        {},
        "It is closed with the code 4003, in whichever process it is. Its other connections stay open.",
      ),
      el("p", {}, "The user may come back at once: the bearer stays good. To keep somebody out, revoke."),
      el("p", { class: "mono muted" }, c.connection_id),
    ],
    action: "Cut connection",
    async run() {
      await service.json(`connections/${encodeURIComponent(c.connection_id)}`, { method: "DELETE" });
      return "Cut. Every process that lives has learned of it; the connection closes now.";
    },
    done,
  });
}

/** Asks what of a user to revoke, and does it. */
export function revoke(service: Service, c: Connection, done: () => void): void {
  const scopes: [string, string, Record<string, string>][] = [
    ["user", `Everything of ${c.sub}`, { iss: c.iss, sub: c.sub }],
  ];
  if (c.sid) scopes.push(["session", "This session only", { iss: c.iss, sid: c.sid }]);
  const effect = el("p", { role: "status" }, "Counting the connections…");
  const reason = el("input", { id: "why", type: "text", maxlength: 200, autocomplete: "off" });
  const options = scopes.map(([value, text], n) => {
    const input = el("input", {
      type: "radio",
      name: "what",
      value,
      checked: n === 0,
      onchange: () => void tell(),
    });
    return { input, label: el("label", { class: "row" }, input, text) };
  });
  const chosen = () => scopes[options.findIndex(({ input }) => input.checked)]?.[2] ?? {};

  async function tell(): Promise<void> {
    const who = chosen();
    const open = await service.json(`connections?${new URLSearchParams({ ...who, limit: "1" })}`).then(
      (page) => amount(page as Page),
      () => "All connections close, wherever they are.",
    );
    if (chosen() === who) put(effect, open);
  }

  void tell();
  confirm({
    title: `Revoke ${c.sub}?`,
    body: [
      options.length > 1 &&
        el("fieldset", {}, el("legend", {}, "What to revoke"), ...options.map(({ label }) => label)),
      effect,
      el(
        "p",
        {},
        "Tickets that nobody has redeemed yet, and bearers that were issued before now, are refused from now on. The user can sign in again and connect again.",
      ),
      el("p", { class: "muted" }, `Issuer ${c.iss}`),
      el("label", { class: "field", for: "why" }, "Why, for the log (optional)", reason),
    ],
    action: "Revoke",
    run: async () => revoked(await service.json("revocations", asked(chosen(), reason.value.trim()))),
    done,
  });
}

function amount({ nodes, partial }: Page): string {
  const n = nodes.reduce((sum, node) => sum + node.connections, 0);
  if (partial)
    return `At least ${count(n)} connections close with the code 4003; not every process has answered.`;
  if (n === 0) return "No connection of it is open any more.";
  return `${n === 1 ? "One connection closes" : `${count(n)} connections close`} with the code 4003, wherever they are.`;
}

function asked(who: Record<string, string>, reason: string): RequestInit {
  return {
    method: "POST",
    body: JSON.stringify({ ...who, action: "end", ...(reason !== "" && { reason }) }),
  };
}

function revoked(answer: unknown): string {
  const { id, before } = answer as { id: string; before: string };
  return `Revoked what was issued before ${moment(new Date(before))}. Connections close now. The log has it as revocation ${id}.`;
}
