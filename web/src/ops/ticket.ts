// The timeline of one ticket, from issue to close.
import { type Child, el, put, say } from "../look/dom.ts";
import { age, clock, duration, moment } from "../look/format.ts";
import { summaryOf, type TicketEvent, type Timeline, titleOf } from "./events.ts";
import { locked, notice } from "./notice.ts";
import { advice, type Service } from "./service.ts";

const intro =
  "Every ticket has a public ID, which is also that of its connection and in the log as ticket_id. Enter one, or choose Timeline in the list above.";

/** The section, and how another one leads to it. */
export interface TicketSection {
  element: HTMLElement;
  /** Shows the timeline of a ticket, and moves there. */
  follow(id: string): void;
}

/** Makes the section. */
export function ticket(service: Service): TicketSection {
  const input = el("input", {
    id: "ticket-id",
    class: "mono",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
  });
  const fault = el("p", { class: "fault", role: "alert" });
  const place = el("div");
  const form = el(
    "form",
    { class: "find", role: "search", "aria-label": "Ticket", onsubmit: (event) => void submit(event) },
    el("label", { class: "field grow", for: "ticket-id" }, "Ticket or connection ID", input),
    el("button", { type: "submit", class: "primary" }, "Show timeline"),
  );
  let generation = 0;

  function submit(event: Event): void {
    event.preventDefault();
    const text = input.value.trim();
    const wrong = faultOf(text);
    if (wrong !== "") {
      generation++;
      if (isTicket(text)) input.value = "";
      say(fault, wrong);
    } else void load(text);
  }

  async function load(id: string): Promise<void> {
    const asked = ++generation;
    say(fault, "");
    try {
      const timeline = (await service.json(`ops/tickets/${encodeURIComponent(id)}`)) as Timeline;
      if (asked === generation)
        put(place, timeline.events.length > 0 ? shown(id, timeline) : unknown(timeline));
    } catch (error) {
      if (asked === generation && service.may("read"))
        put(place, notice("fault", "The timeline could not be read", advice(error)));
    }
  }

  function access(): void {
    const { caller, allAudiences } = service.access;
    const may = service.may("read");
    generation++;
    form.hidden = !may;
    say(fault, "");
    put(
      place,
      may ? notice("empty", "No ticket is chosen", intro) : locked("Timelines", "read", caller, allAudiences),
    );
  }

  const heading = el("h2", { id: "timeline", tabindex: -1 }, "One ticket");
  service.addEventListener("access", access);
  access();
  return {
    element: el(
      "section",
      { class: "card stack", "aria-labelledby": "timeline" },
      heading,
      form,
      fault,
      place,
    ),
    follow(id) {
      input.value = id;
      void load(id);
      heading.focus({ preventScroll: true });
      heading.scrollIntoView({ block: "start" });
    },
  };
}

function isTicket(text: string): boolean {
  return text.includes("wst1_");
}

function faultOf(text: string): string {
  if (isTicket(text)) {
    return "That is a ticket, and not its ID. A ticket is a secret. Its ID has 22 characters, and is in the log as ticket_id.";
  }
  return /^[\w-]{22}$/.test(text) ? "" : "An ID has 22 letters, digits, hyphens and underscores.";
}

function unknown(timeline: Timeline): HTMLElement {
  return timeline.source === "database"
    ? notice(
        "empty",
        "The trail has nothing of it",
        "An event is there a moment after it has happened, and until audit.retention has passed.",
      )
    : notice(
        "empty",
        "This process saw nothing of it",
        `${origin(timeline)} Other processes may know it: the page of each shows what that one saw.`,
      );
}

/** Says where a timeline comes from, and how far back it goes. */
function origin({ source, started = "", since = "" }: Timeline): string {
  if (source === "database") return "From the audit trail: what all processes saw that share its database.";
  const all = [
    source === "process_only" && "The database does not answer, so that this is not from the audit trail.",
    `What this process saw. It has recorded since ${moment(new Date(started))}.`,
    Date.parse(since) > Date.parse(started) && `Events before ${moment(new Date(since))} were dropped.`,
  ];
  return all.filter((part) => part).join(" ");
}

function shown(id: string, timeline: Timeline): HTMLElement {
  const [text, look] = summaryOf(timeline.events);
  const first = Date.parse(timeline.events[0]?.at ?? "");
  return el(
    "div",
    { class: "stack timeline" },
    el(
      "p",
      { class: "row", role: "status" },
      el("code", {}, id),
      el("span", { class: `badge ${look}` }, text),
    ),
    el("ol", { "aria-label": "Events" }, ...timeline.events.map((e) => item(e, first))),
    timeline.left_out > 0 &&
      el("p", { class: "muted" }, `${timeline.left_out} more presentations were refused, and only counted.`),
    timeline.gap &&
      el(
        "p",
        {},
        "It has more events than these, the first and the last: ",
        el("code", {}, `wsticket audit search --limit 0 --ticket-id=${id}`),
        " prints all of them.",
      ),
    timeline.source === "process_only"
      ? el("p", { class: "banner warn" }, origin(timeline))
      : el("p", { class: "muted" }, origin(timeline)),
  );
}

function item(e: TicketEvent, first: number): HTMLElement {
  const at = new Date(e.at);
  const [title, look] = titleOf(e);
  const kind = e.kind === "request" ? " request" : "";
  return el(
    "li",
    { class: `${look}${kind}` },
    el(
      "p",
      { class: "when" },
      el("time", { datetime: e.at }, clock(at, true)),
      el(
        "span",
        { class: "muted" },
        at.getTime() > first ? `+${duration((at.getTime() - first) / 1000)}` : "+0 s",
      ),
    ),
    el("div", {}, el("p", { class: "title" }, title), el("p", { class: "muted facts" }, ...facts(e))),
  );
}

function facts(e: TicketEvent): Child[] {
  const took =
    e.kind === "disconnect" ? `after ${age(e.seconds)}` : e.seconds > 0 && `in ${duration(e.seconds)}`;
  const all: [string, string | false | undefined][] = [
    ["reason", e.reason !== "ok" && e.reason],
    ["outcome", e.kind === "request" && e.outcome],
    ["door", e.door],
    ["from", e.client_ip],
    ["by", e.closed_by === "relay" ? "wsticket" : e.closed_by === "upstream" ? "application" : e.closed_by],
    ["caller", e.caller],
    ["request", e.request_id],
    ["process", e.instance?.slice(0, 8)],
    ["", took],
  ];
  return all
    .filter(([, value]) => value)
    .map(([name, value]) =>
      el("span", {}, name !== "" && `${name} `, el(name === "" ? "span" : "code", {}, value || "")),
    );
}
