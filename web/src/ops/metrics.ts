// Reads the text format of Prometheus, as far as this page needs it.

/** A line of /metrics: its labels and its value. */
export interface Sample {
  labels: Map<string, string>;
  value: number;
}

/** The samples by the names of their series. */
export type Series = Map<string, Sample[]>;

/** What the page shows of a process at one time. Counts are those since it started. */
export interface Snapshot {
  /** By the clock of this page, in ms. */
  at: number;
  /** When the process started, in s since 1970; 0 if it does not say. */
  started: number;
  version: string;
  issued: number;
  redeemed: number;
  replays: number;
  /** By their reasons. */
  refused: Map<string, number>;
  /** Open connections by their doors. */
  open: Map<string, number>;
  /** Connections that are being closed by the service. */
  closing: number;
  /** By action: counts of what took at most so many seconds. */
  latency: Map<string, Bucket[]>;
  drain: { total: number; closed: number };
}

/** A bucket of a histogram, which includes those before it. */
export interface Bucket {
  /** Upper bound in seconds. */
  most: number;
  count: number;
}

/** Parses the text. A line that is none of a series is skipped. */
export function parse(text: string): Series {
  const all: Series = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match?.[1]) continue;
    const sample = { labels: labelsOf(match[2] ?? ""), value: numberOf(match[3] ?? "") };
    const of = all.get(match[1]);
    if (of) of.push(sample);
    else all.set(match[1], [sample]);
  }
  return all;
}

function labelsOf(text: string): Map<string, string> {
  const labels = new Map<string, string>();
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    if (name)
      labels.set(
        name,
        (value ?? "").replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c)),
      );
  }
  return labels;
}

function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : Number(text);
}

/** Returns what the page shows, at a time in ms. */
export function snapshot(all: Series, at: number): Snapshot {
  const drain = by(all, "wsticket_drain_connections", "outcome");
  return {
    at,
    started: sum(all, "process_start_time_seconds"),
    version: all.get("wsticket_build_info")?.[0]?.labels.get("version") ?? "",
    issued: sum(all, "wsticket_actions_total", { action: "issue", reason: "ok" }),
    redeemed: sum(all, "wsticket_actions_total", { action: "redeem", reason: "ok" }),
    replays: sum(all, "wsticket_actions_total", { action: "redeem", reason: "spent" }),
    refused: refusals(all),
    open: by(all, "wsticket_connections", "door", { state: "open" }),
    closing: sum(all, "wsticket_connections", { state: "closing" }),
    latency: new Map(["issue", "redeem"].map((action) => [action, buckets(all, action)])),
    drain: { total: drain.get("total") ?? 0, closed: drain.get("closed") ?? 0 },
  };
}

/** Sums the samples of a series that have these labels. */
function sum(all: Series, name: string, labels: Record<string, string> = {}): number {
  return matching(all, name, labels).reduce((total, { value }) => total + value, 0);
}

/** Sums them by the values of one label. */
function by(
  all: Series,
  name: string,
  label: string,
  labels: Record<string, string> = {},
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const sample of matching(all, name, labels)) {
    const key = sample.labels.get(label) ?? "";
    sums.set(key, (sums.get(key) ?? 0) + sample.value);
  }
  return sums;
}

function matching(all: Series, name: string, labels: Record<string, string>): Sample[] {
  const wanted = Object.entries(labels);
  return (all.get(name) ?? []).filter((sample) =>
    wanted.every(([key, value]) => sample.labels.get(key) === value),
  );
}

// Handshakes are counted by themselves; these are the other requests with a credential.
const routes = new Set([
  "/ws-ticket",
  "/ws-ticket/{id}",
  "/connections/{id}/renew",
  "/consume",
  "/introspect",
  "/revocations",
  "/connections",
  "/connections/{id}",
  "/endings",
]);

function refusals(all: Series): Map<string, number> {
  const sums = new Map<string, number>();
  const add = ({ labels, value }: Sample) => {
    const reason = labels.get("reason") || "other";
    sums.set(reason, (sums.get(reason) ?? 0) + value);
  };
  for (const sample of all.get("wsticket_handshakes_total") ?? []) {
    if (sample.labels.get("outcome") === "refused" || sample.labels.get("outcome") === "error") add(sample);
  }
  for (const sample of all.get("wsticket_http_requests_total") ?? []) {
    if (routes.has(sample.labels.get("route") ?? "") && sample.labels.get("reason") !== "ok") add(sample);
  }
  return sums;
}

function buckets(all: Series, action: string): Bucket[] {
  return matching(all, "wsticket_action_duration_seconds_bucket", { action })
    .map(({ labels, value }) => ({ most: numberOf(labels.get("le") ?? ""), count: value }))
    .sort((a, b) => a.most - b.most);
}
