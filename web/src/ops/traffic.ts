// The charts.
import { el, put, say } from "../look/dom.ts";
import { clock, count, duration, number } from "../look/format.ts";
import { ago, type Chart, chart, spark } from "./chart.ts";
import type { History, Point } from "./history.ts";
import type { Snapshot } from "./metrics.ts";
import { notice } from "./notice.ts";

/** The charts, and the tables below them. */
export interface Traffic {
  element: HTMLElement;
  draw(history: History): void;
  /** Says that the numbers are of another process than those before. */
  another(): void;
  /** Shows why there is nothing to draw. */
  replace(why: HTMLElement): void;
}

/** Makes them. */
export function traffic(): Traffic {
  const charts: Charts = {
    issued: chart("Issued", "/s", number),
    redeemed: chart("Redeemed", "/s", number),
    refused: chart("Refused", "/min", number),
    replays: chart("Replays", "/min", number),
    open: chart("Open connections", "", count),
    issue: chart("Latency of issuing", "", duration),
    redeem: chart("Latency of redeeming", "", duration),
  };
  charts.open.element.classList.add("wide");
  for (const { element } of [charts.issue, charts.redeem]) element.classList.add("two");
  const grid = el("div", { class: "charts" }, ...Object.values(charts).map(({ element }) => element));
  const reasons = table("Refused, by reason", "Reason", "Nothing was refused since the process started.");
  const doors = table("Open connections, by door", "Door", "No connection is open.");
  const tables = el("div", { class: "pair" }, reasons.element, doors.element);
  const content = el("div", { class: "stack" }, grid, tables);
  const whose = el("p", { class: "muted", role: "status" }, "Of this process, every 2 seconds");
  const place = el("div", {}, notice("loading", "Waiting for the first numbers…"));
  const element = el(
    "section",
    { "aria-labelledby": "traffic" },
    el("div", { class: "heading" }, el("h2", { id: "traffic" }, "Traffic"), whose),
    place,
  );
  return {
    element,
    draw(history) {
      if (place.firstChild !== content) put(place, content);
      drawCharts(charts, history);
      drawTables(reasons, doors, history);
    },
    another() {
      const since = clock(new Date());
      say(
        whose,
        `Since ${since} another process answers here, or it was started again. The charts start over.`,
      );
    },
    replace(why) {
      put(place, why);
    },
  };
}

type Charts = Record<"issued" | "redeemed" | "refused" | "replays" | "open" | "issue" | "redeem", Chart>;

function drawCharts(charts: Charts, history: History): void {
  const last = history.last;
  if (!last) return;
  const { span } = history;
  const refused = (s: Snapshot) => total(s.refused);
  const open = (s: Snapshot) => total(s.open);
  const rate = (on: Chart, per: number, of: (s: Snapshot) => number) => {
    const points = history.rates(of).map(({ at, value }) => ({ at, value: value * per }));
    on.draw({ lines: [{ name: "", points }], span, note: `${count(of(last))} since the start` });
  };
  rate(charts.issued, 1, (s) => s.issued);
  rate(charts.redeemed, 1, (s) => s.redeemed);
  rate(charts.refused, 60, refused);
  rate(charts.replays, 60, (s) => s.replays);
  const closing = last.closing > 0 ? `${count(last.closing)} more are being closed` : "";
  charts.open.draw({ lines: [{ name: "", points: history.values(open) }], span, note: closing });
  for (const action of ["issue", "redeem"] as const) {
    const lines = [
      { name: "99th percentile", points: history.quantiles(action, 0.99) },
      { name: "median", points: history.quantiles(action, 0.5) },
    ];
    charts[action].draw({ lines, span, note: "of the 30 s before" });
  }
}

function drawTables(reasons: Rows, doors: Rows, history: History): void {
  const last = history.last;
  if (!last) return;
  const refused = [...last.refused].filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  reasons.draw(
    refused.map(([reason, n]) => {
      const of = (s: Snapshot) => s.refused.get(reason) ?? 0;
      return { name: reason, points: history.rates(of), values: [count(history.growth(of)), count(n)] };
    }),
    [`Last ${ago(Math.max(10_000, history.seen))}`, "Since the start"],
    history.span,
  );
  const open = [...last.open].filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  doors.draw(
    open.map(([door, n]) => {
      const share = `${Math.round((100 * n) / total(last.open))} %`;
      return {
        name: door || "none",
        points: history.values((s) => s.open.get(door) ?? 0),
        values: [share, count(n)],
      };
    }),
    ["Share", "Open"],
    history.span,
  );
}

function total(counts: Map<string, number>): number {
  return [...counts.values()].reduce((sum, n) => sum + n, 0);
}

interface Row {
  name: string;
  points: Point[];
  values: string[];
}

interface Rows {
  element: HTMLElement;
  draw(rows: Row[], columns: string[], span: number): void;
}

/** Makes a table whose rows have a small chart. */
function table(title: string, first: string, none: string): Rows {
  const head = el("tr");
  const body = el("tbody");
  const empty = el("p", { class: "muted" }, none);
  const whole = el(
    "table",
    { class: "numbers" },
    el("caption", { class: "unseen" }, title),
    el("thead", {}, head),
    body,
  );
  const element = el("div", { class: "card" }, el("h3", {}, title), whole, empty);
  const sparks = new Map<string, ReturnType<typeof spark>>();
  return {
    element,
    draw(rows, columns, span) {
      whole.hidden = rows.length === 0;
      empty.hidden = rows.length > 0;
      put(
        head,
        el("th", { scope: "col" }, first),
        el("td", { class: "spark", "aria-hidden": "true" }),
        ...columns.map((c) => el("th", { scope: "col", class: "number" }, c)),
      );
      const shown = rows.map(({ name, points, values }) => {
        const line = sparks.get(name) ?? spark();
        sparks.set(name, line);
        line.draw(points, span);
        const cells = values.map((v) => el("td", { class: "number" }, v));
        return el(
          "tr",
          {},
          el("th", { scope: "row", class: "mono" }, name),
          el("td", { class: "spark" }, line.element),
          ...cells,
        );
      });
      put(body, ...shown);
    },
  };
}
