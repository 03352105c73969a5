// The table of connections.
import { type Child, el, say } from "../look/dom.ts";
import { age, moment } from "../look/format.ts";
import { type Connection, cut, revoke } from "./actions.ts";
import type { Service } from "./service.ts";
import { row, rowGroup, table } from "./table.ts";

const columns = ["User", "Door", "Client", "Open for", "Ends in", "Connection", "Actions"];

/** Makes the table. Rows that stay keep their elements, and with them the focus. */
export function rows(
  service: Service,
  follow: (id: string) => void,
  changed: () => void,
): { element: HTMLElement; draw(all: Connection[]): void } {
  const body = rowGroup();
  const element = table("Live connections", columns, body);
  let kept = new Map<string, Row>();
  return {
    element,
    draw(all) {
      const next = new Map<string, Row>();
      for (const c of all) {
        const shown = kept.get(c.connection_id) ?? make(service, c, follow, changed);
        shown.update(c);
        next.set(c.connection_id, shown);
      }
      const elements = [...next.values()].map((shown) => shown.element);
      const same =
        elements.length === body.children.length && elements.every((e, n) => body.children[n] === e);
      if (!same) arrange(body, elements);
      kept = next;
    },
  };
}

/** Puts rows in order without taking those out of the document that stay: they would lose the focus. */
function arrange(body: HTMLElement, elements: HTMLElement[]): void {
  for (const child of [...body.children]) if (!elements.includes(child as HTMLElement)) child.remove();
  elements.forEach((element, n) => {
    if (body.children[n] !== element) body.insertBefore(element, body.children[n] ?? null);
  });
}

interface Row {
  element: HTMLElement;
  update(c: Connection): void;
}

function make(service: Service, c: Connection, follow: (id: string) => void, changed: () => void): Row {
  const open = el("span");
  const ends = el("span");
  const until = el("p", { class: "muted" });
  const may = service.may("revoke");
  const button = (text: string, name: string, action: () => void, danger = false) =>
    el(
      "button",
      { type: "button", class: danger ? "small danger" : "small", "aria-label": name, onclick: action },
      text,
    );
  const cells: [string, ...Child[]][] = [
    [
      "User",
      el("strong", {}, c.sub),
      el("p", { class: "muted" }, c.iss),
      c.sid !== undefined && el("p", { class: "muted" }, "session ", el("code", {}, c.sid)),
    ],
    ["Door", el("span", { class: "badge" }, c.door.replace("_", " ")), el("p", { class: "muted" }, c.aud)],
    ["Client", el("span", { class: "mono" }, c.client_ip ?? "unknown")],
    ["Open for", open, el("p", { class: "muted" }, `since ${moment(new Date(c.since))}`)],
    ["Ends in", ends, until],
    [
      "Connection",
      el("code", {}, c.connection_id),
      c.node !== undefined && el("p", { class: "muted" }, "process ", el("code", {}, c.node.slice(0, 8))),
    ],
    [
      "Actions",
      el(
        "div",
        { class: "row" },
        button("Timeline", `Timeline of ${c.connection_id}`, () => follow(c.connection_id)),
        may && button("Cut…", `Cut ${c.connection_id}`, () => cut(service, c, changed), true),
        may && button("Revoke…", `Revoke ${c.sub}`, () => revoke(service, c, changed), true),
      ),
    ],
  ];
  return {
    element: row(cells),
    update(now) {
      const end = new Date(now.connection_expires_at);
      say(open, age((Date.now() - Date.parse(now.since)) / 1000));
      say(ends, age((end.getTime() - Date.now()) / 1000));
      say(until, `at ${moment(end)}`);
    },
  };
}
