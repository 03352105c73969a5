// The operator's page: one process, what it does, and what can be done about it.
import { el } from "../look/dom.ts";
import { poll } from "../look/poll.ts";
import { connections } from "./connections.ts";
import { dependencies, type Health, head } from "./health.ts";
import { History } from "./history.ts";
import { keyPanel } from "./keypanel.ts";
import { parse, snapshot } from "./metrics.ts";
import { notice } from "./notice.ts";
import { advice, Refused, Service, Unreachable } from "./service.ts";
import { ticket } from "./ticket.ts";
import { traffic } from "./traffic.ts";
import { trail } from "./trail.ts";

const metricsEvery = 2_000; // ms
const healthEvery = 5_000;

const service = new Service();
const history = new History();
const top = head(again);
const needs = dependencies();
const charts = traffic();
const one = ticket(service);

const health = poll(
  async () => {
    const h = (await service.json("readyz?verbose")) as Health;
    top.health(h);
    needs.draw(h);
    reached();
  },
  healthEvery,
  (error, pause) => failed(error, pause, needs.replace),
);

const numbers = poll(
  async () => {
    const s = snapshot(parse(await service.text("metrics")), Date.now());
    if (history.add(s)) charts.another();
    top.numbers(s);
    charts.draw(history);
    reached();
  },
  metricsEvery,
  (error, pause) => failed(error, pause, charts.replace),
);

let away = false;

/** Asks for everything as soon as something is answered again: the pauses may be long by now. */
function reached(): void {
  if (!away) return;
  away = false;
  again();
}

function again(): void {
  health.now();
  numbers.now();
}

/** Shows why there is nothing. What there was stays while the process is away. */
function failed(error: unknown, pause: number, replace: (why: HTMLElement) => void): void {
  if (error instanceof Unreachable) {
    away = true;
    top.unreachable(pause);
  } else replace(why(error));
}

function why(error: unknown): HTMLElement {
  return error instanceof Refused && error.status === 401 && service.access.caller === ""
    ? notice(
        "locked",
        "This service shows its numbers to keys only",
        "Enter one with the scope read at the top of this page.",
      )
    : notice("fault", "The numbers cannot be shown", advice(error));
}

service.addEventListener("access", again);
document.body.append(
  el("a", { class: "skip", href: "#main" }, "Skip to the content"),
  top.element,
  el(
    "main",
    { id: "main", class: "stack", tabindex: -1 },
    el("div", { class: "pair" }, keyPanel(service), needs.element),
    charts.element,
    connections(service, one.follow),
    one.element,
    trail(service, one.follow),
  ),
);
