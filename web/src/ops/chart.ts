// Small charts of the last minutes.
import { el, put, say, set, svg } from "../look/dom.ts";
import { age } from "../look/format.ts";
import type { Point } from "./history.ts";

const width = 240;
const height = 64;
const gap = 12_000; // ms without a point that break a line

/** A line of a chart. */
export interface Line {
  name: string;
  points: Point[];
}

/** What a chart shows. */
export interface Drawing {
  /** At most two; the first one is that of the current value. */
  lines: Line[];
  /** How far back the axis goes, in ms. */
  span: number;
  note?: string;
}

/** A chart with its heading, its current value and its axis. */
export interface Chart {
  element: HTMLElement;
  draw(drawing: Drawing): void;
}

/** Makes a chart. `show` makes a text of a value. */
export function chart(title: string, unit: string, show: (value: number) => string): Chart {
  const now = el("p", { class: "now" });
  const most = el("span");
  const from = el("span");
  const note = el("p", { class: "note muted" });
  const plot = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": title,
  });
  return {
    element: el(
      "figure",
      { class: "card chart" },
      el("figcaption", {}, el("h3", {}, title)),
      now,
      el("div", { class: "plot" }, el("div", { class: "most muted", "aria-hidden": "true" }, most), plot),
      el("div", { class: "span muted", "aria-hidden": "true" }, from, el("span", {}, "now")),
      note,
    ),
    draw({ lines, span, note: text = "" }) {
      const top = highest(lines);
      put(plot, ...shapes(lines, top || 1, span));
      put(now, ...lines.map((line, n) => current(line, n, lines.length > 1, unit, show(latest(line)))));
      say(most, top > 0 ? show(top) : "");
      say(from, `${ago(span)} ago`);
      say(note, text);
      set(plot, {
        "aria-label": `${title}. ${lines.map((line) => described(line, unit, show, span)).join("; ")}`,
      });
    },
  };
}

/** Makes a line without axis, for a row of a table that has its values. */
export function spark(): { element: SVGElement; draw(points: Point[], span: number): void } {
  const element = svg("svg", {
    class: "spark",
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  return {
    element,
    draw(points, span) {
      const lines = [{ name: "", points }];
      put(element, ...shapes(lines, highest(lines) || 1, span));
    },
  };
}

/** A span of the axis in words. */
export function ago(span: number): string {
  return age(Math.round(span / 1000 / 10) * 10);
}

function highest(lines: Line[]): number {
  return Math.max(...lines.flatMap(({ points }) => points.map(({ value }) => value || 0)), 0);
}

function latest({ points }: Line): number {
  return points.at(-1)?.value ?? Number.NaN;
}

function current(line: Line, n: number, named: boolean, unit: string, figure: string): HTMLElement {
  const known = Number.isFinite(latest(line));
  return el(
    "span",
    { class: `value line-${n}` },
    named && el("span", { class: "key-of" }, line.name),
    el("span", { class: "figure" }, known ? figure : "–"),
    known && unit !== "" && el("span", { class: "unit muted" }, ` ${unit}`),
  );
}

/** Says in words what a line shows. */
function described(line: Line, unit: string, show: (value: number) => string, span: number): string {
  const known = line.points.map(({ value }) => value).filter(Number.isFinite);
  const name = line.name === "" ? "" : `${line.name}: `;
  if (known.length === 0) return `${name}nothing yet`;
  const now = Number.isFinite(latest(line)) ? `${show(latest(line))}${unit} now` : "nothing now";
  return `${name}${now}, at most ${show(Math.max(...known))}${unit} in the last ${ago(span)}`;
}

function shapes(lines: Line[], top: number, span: number): SVGElement[] {
  const end = Math.max(...lines.map(({ points }) => points.at(-1)?.at ?? 0));
  const all: SVGElement[] = [
    svg("line", { class: "grid", x1: 0, x2: width, y1: 1, y2: 1 }),
    svg("line", { class: "axis", x1: 0, x2: width, y1: height - 1, y2: height - 1 }),
  ];
  lines.forEach(({ points }, n) => {
    const at = (time: number, value: number) => {
      const y = height - 1 - (height - 5) * (value / top);
      return `${(width * (1 - (end - time) / span)).toFixed(1)} ${y.toFixed(1)}`;
    };
    for (const part of parts(points)) {
      const path = part.map((point, i) => `${i === 0 ? "M" : "L"}${at(point.at, point.value)}`).join("");
      const [first, last] = [part[0], part.at(-1)];
      if (!first || !last) continue;
      const close = `L${at(last.at, 0)}L${at(first.at, 0)}Z`;
      if (n === 0) all.push(svg("path", { class: "area", d: path + close }));
      all.push(svg("path", { class: `stroke line-${n}`, d: path }));
    }
  });
  return all;
}

/** Splits points where values are missing, or where the page was hidden. */
function parts(points: Point[]): Point[][] {
  const all: Point[][] = [];
  let part: Point[] = [];
  for (const point of points) {
    const last = part.at(-1);
    if (last && (point.at - last.at > gap || !Number.isFinite(point.value))) {
      all.push(part);
      part = [];
    }
    if (Number.isFinite(point.value)) part.push(point);
  }
  return part.length > 0 ? [...all, part] : all;
}
