// Which process this is, how it is, and how what it needs of others is.
import { el, put, say } from "../look/dom.ts";
import { age, count, moment } from "../look/format.ts";
import type { Snapshot } from "./metrics.ts";
import { notice } from "./notice.ts";

/** The answer of /readyz?verbose. */
export interface Health {
  status: string;
  detail?: string;
  dependencies?: Dependency[];
}

interface Dependency {
  name: string;
  kind: string;
  state: string;
  since?: string;
  cause?: string;
}

/** The head of the page. */
export interface Head {
  element: HTMLElement;
  health(h: Health): void;
  numbers(s: Snapshot): void;
  /** No answer came; the next attempt is in so many ms. */
  unreachable(pause: number): void;
}

/** Makes the head. `again` asks the process at once. */
export function head(again: () => void): Head {
  const badge = el("span", { class: "badge", role: "status" }, "Connecting…");
  const facts = el("dl", { class: "facts" });
  // Only the first line is announced: the other one changes with each attempt.
  const away = el("p", { role: "alert" });
  const next = el("p");
  const retry = el("button", { type: "button", onclick: again }, "Try now");
  const banner = el("div", { class: "banner bad", hidden: true }, away, next, retry);
  let answered: Date | undefined;
  let last: Snapshot | undefined;

  function reached(): void {
    answered = new Date();
    banner.hidden = true;
    say(away, "");
  }

  function drawFacts(): void {
    const rows: [string, string][] = [["Process", location.host]];
    if (last?.version) rows.push(["Version", last.version]);
    if (last?.started) rows.push(["Started", `${age(Date.now() / 1000 - last.started)} ago`]);
    if (last && last.drain.total > 0)
      rows.push(["Drained", `${count(last.drain.closed)} of ${count(last.drain.total)} connections`]);
    put(facts, ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  drawFacts();
  return {
    element: el(
      "header",
      { class: "top" },
      el(
        "div",
        { class: "row" },
        el("h1", {}, el("span", { class: "brand" }, "wsticket"), " Operator"),
        badge,
      ),
      facts,
      banner,
    ),
    health(h) {
      reached();
      const [kind, text] = verdict(h);
      badge.className = `badge ${kind}`;
      say(badge, text);
    },
    numbers(s) {
      reached();
      last = s;
      drawFacts();
    },
    unreachable(pause) {
      badge.className = "badge bad";
      say(badge, "Unreachable");
      const since = answered ? ` since ${moment(answered)}` : "";
      banner.hidden = false;
      if (away.textContent === "")
        say(away, `No answer from ${location.host}${since}. What you see is from before.`);
      say(next, `The page tries again, the next time in ${age(Math.round(pause / 1000))}.`);
    },
  };
}

function verdict(h: Health): [string, string] {
  if (h.status === "ok") return ["good", "Ready"];
  if (h.detail === "draining") return ["warn", "Draining"];
  return ["bad", `Not ready${h.detail ? `: ${h.detail}` : ""}`];
}

const kinds: Record<string, string> = { store: "Store", keys: "Keys of an issuer", database: "Database" };
const states: Record<string, [string, string]> = {
  ok: ["good", "OK"],
  failing: ["bad", "Failing"],
  unknown: ["", "Not asked yet"],
};

/** The table of dependencies. */
export function dependencies(): {
  element: HTMLElement;
  draw(h: Health): void;
  replace(why: HTMLElement): void;
} {
  const place = el("div", {}, notice("loading", "Asking…"));
  let shown = "";
  return {
    element: el(
      "section",
      { class: "card", "aria-labelledby": "needs" },
      el("h2", { id: "needs" }, "Dependencies"),
      place,
    ),
    draw({ dependencies: all = [] }) {
      if (JSON.stringify(all) === shown) return;
      shown = JSON.stringify(all);
      put(place, all.length > 0 ? list(all) : notice("empty", "It needs nothing of others"));
    },
    replace(why) {
      shown = "";
      put(place, why);
    },
  };
}

function list(all: Dependency[]): HTMLElement {
  return el(
    "ul",
    { class: "needs" },
    ...all.map(({ name, kind, state, since, cause }) => {
      const [look, word] = states[state] ?? ["", state];
      const from = since ? `since ${moment(new Date(since))}` : "";
      return el(
        "li",
        {},
        el("span", { class: `badge ${look}` }, word),
        el(
          "div",
          {},
          el("strong", {}, name),
          el("p", { class: "muted" }, [kinds[kind] ?? kind, from].filter(Boolean).join(" · ")),
        ),
        cause !== undefined && el("p", { class: "fault" }, cause),
      );
    }),
  );
}
