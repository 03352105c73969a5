// The table of connections.
import { type Child, el, put, say } from "../look/dom.ts";
import { age, moment } from "../look/format.ts";
import { type Connection, cut, revoke } from "./actions.ts";
import type { Service } from "./service.ts";

const columns = ["User", "Door", "Client", "Open for", "Ends in", "Connection", "Actions"];

/** Makes the table. Rows that stay keep their elements, and with them the focus. */
export function rows(
  service: Service,
  follow: (id: string) => void,
  changed: () => void,
): { element: HTMLElement; draw(all: Connection[]): void } {
  // The roles hold where the style makes cards of the rows.
  const body = el("tbody", { role: "rowgroup" });
  const element = el(
    "table",
    { class: "connections", role: "table" },
    el("caption", { class: "unseen" }, "Live connections"),
    el(
      "thead",
      { role: "rowgroup" },
      el(
        "tr",
        { role: "row" },
        ...columns.map((name) => el("th", { scope: "col", role: "columnheader" }, name)),
      ),
    ),
    body,
  );
  let kept = new Map<string, Row>();
  return {
    element,
    draw(all) {
      const next = new Map<string, Row>();
      for (const c of all) {
        const row = kept.get(c.connection_id) ?? make(service, c, follow, changed);
        row.update(c);
        next.set(c.connection_id, row);
      }
      const elements = [...next.values()].map((row) => row.element);
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
  const element = el("tr", { role: "row" });
  put(
    element,
    ...cells.map(([name, ...content]) => el("td", { role: "cell", "data-name": name }, ...content)),
  );
  return {
    element,
    update(now) {
      const end = new Date(now.connection_expires_at);
      say(open, age((Date.now() - Date.parse(now.since)) / 1000));
      say(ends, age((end.getTime() - Date.now()) / 1000));
      say(until, `at ${moment(end)}`);
    },
  };
}
