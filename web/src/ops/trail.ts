// What the audit trail has of a user.
import { type Child, el, put, say } from "../look/dom.ts";
import { age, clock } from "../look/format.ts";
import { type TicketEvent, titleOf } from "./events.ts";
import { locked, notice } from "./notice.ts";
import { advice, type Service } from "./service.ts";
import { row, rowGroup, table } from "./table.ts";

const limit = 100;
const columns = ["Time", "Event", "User", "Door", "Client", "Ticket"];

/** A record as GET /audit has it: the part that is shown. */
interface Record {
  instance: string;
  seq: number;
  at: string;
  event: string;
  action?: string;
  reason?: string;
  sub?: string;
  ticket_id?: string;
  door?: string;
  client_ip?: string;
  caller?: string;
  close_code?: number;
  closed_by?: string;
  duration_ms?: number;
}

/** Makes the section. It is there where the process has a trail. `follow` shows the timeline of a ticket. */
export function trail(service: Service, follow: (id: string) => void): HTMLElement {
  const input = el("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  const status = el("p", { class: "muted", role: "status" });
  const place = el("div");
  const form = el(
    "form",
    {
      class: "find",
      role: "search",
      "aria-label": "Audit trail",
      autocomplete: "off",
      onsubmit: (event) => {
        event.preventDefault();
        void load(input.value.trim());
      },
    },
    el("label", { class: "field grow" }, el("span", {}, "User ", el("code", {}, "sub")), input),
    el("button", { type: "submit", class: "primary" }, "Search the trail"),
  );
  let generation = 0;

  async function load(sub: string): Promise<void> {
    const asked = ++generation;
    const query = new URLSearchParams({ limit: String(limit), ...(sub !== "" && { sub }) });
    try {
      const page = (await service.json(`audit?${query}`)) as { records: Record[]; cursor?: string };
      if (asked !== generation) return;
      say(status, summaryOf(page.records.length, page.cursor !== undefined));
      put(
        place,
        page.records.length > 0
          ? table(
              "Records of the trail, the newest first",
              columns,
              rowGroup(...page.records.map((r) => rowOf(r, follow))),
            )
          : nothing(sub),
      );
    } catch (error) {
      if (asked !== generation || !service.may("read")) return;
      say(status, "");
      put(place, notice("fault", "The trail could not be searched", advice(error)));
    }
  }

  const element = el(
    "section",
    { class: "card stack", "aria-labelledby": "trail" },
    el("h2", { id: "trail" }, "Audit trail"),
    form,
    status,
    place,
  );

  function access(): void {
    const { caller, allAudiences, trail: there } = service.access;
    const may = service.may("read");
    generation++;
    element.hidden = !there;
    form.hidden = !may;
    say(status, "");
    put(
      place,
      may
        ? notice("empty", "Nobody is searched for", "Enter a user, or nothing for what happened last.")
        : locked("The audit trail", "read", caller, allAudiences),
    );
  }

  service.addEventListener("access", access);
  access();
  return element;
}

function summaryOf(n: number, more: boolean): string {
  if (n === 0) return "";
  return more ? `The last ${n} records` : n === 1 ? "One record" : `All ${n} records`;
}

function nothing(sub: string): HTMLElement {
  return sub === ""
    ? notice("empty", "The trail is empty")
    : notice("empty", "The trail has nothing of this user", "Names are compared whole, and with their case.");
}

function rowOf(r: Record, follow: (id: string) => void): HTMLElement {
  const at = new Date(r.at);
  const seconds = (r.duration_ms ?? 0) / 1000;
  const [title, look] = titleOf({ ...r, kind: r.event, seconds } as TicketEvent);
  const id = r.ticket_id;
  const why = r.event === "disconnect" ? `after ${age(seconds)}` : r.reason !== "ok" && r.reason;
  const cells: [string, ...Child[]][] = [
    [
      "Time",
      el("time", { datetime: r.at }, clock(at, true)),
      el("p", { class: "muted" }, at.toLocaleDateString("en-CA")),
    ],
    ["Event", el("span", { class: `badge ${look}` }, title), why && el("p", { class: "muted" }, why)],
    ["User", el("strong", {}, r.sub ?? "–")],
    ["Door", r.door?.replace("_", " ") ?? r.caller ?? "–"],
    ["Client", el("span", { class: "mono" }, r.client_ip ?? "–")],
    [
      "Ticket",
      id === undefined
        ? "–"
        : el(
            "button",
            {
              type: "button",
              class: "small mono",
              "aria-label": `Timeline of ${id}`,
              onclick: () => follow(id),
            },
            id,
          ),
    ],
  ];
  return row(cells);
}
