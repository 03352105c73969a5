// What the charts show: differences between snapshots of one process.
import type { Bucket, Snapshot } from "./metrics.ts";

/** A point of a chart: a time in ms, and a value; NaN where there is none. */
export interface Point {
  at: number;
  value: number;
}

// How far back the charts go, in ms: at least a minute, so that a new one does not
// look like a long one.
const longest = 5 * 60_000;
const shortest = 60_000;

// The two seconds between two snapshots have too little of what is rare.
const least = 3_000;
const rateWindow = 10_000;
const latencyWindow = 30_000;

/** The snapshots of the last minutes. */
export class History {
  private readonly kept: Snapshot[] = [];

  /** Adds a snapshot. What came before is dropped if it is of another process, which the result says. */
  add(next: Snapshot): boolean {
    const last = this.kept.at(-1);
    const another = last !== undefined && last.started !== next.started;
    if (another) this.kept.length = 0;
    this.kept.push(next);
    while (this.kept[0] && this.kept[0].at < next.at - longest) this.kept.shift();
    return another;
  }

  get last(): Snapshot | undefined {
    return this.kept.at(-1);
  }

  /** The time between the first and the last snapshot, in ms. */
  get seen(): number {
    const [first, last] = [this.kept[0], this.last];
    return first && last ? last.at - first.at : 0;
  }

  /** How far back the charts go now, in ms. */
  get span(): number {
    return Math.max(shortest, this.seen);
  }

  /** The values of the snapshots. */
  values(of: (s: Snapshot) => number): Point[] {
    return this.kept.map((s) => ({ at: s.at, value: of(s) }));
  }

  /** How fast a count grew, a second, in the 10 s before. */
  rates(of: (s: Snapshot) => number): Point[] {
    return this.windows(rateWindow, (before, now) => ((of(now) - of(before)) * 1000) / (now.at - before.at));
  }

  /** By how much a count grew in the time that the charts show. */
  growth(of: (s: Snapshot) => number): number {
    const [first, last] = [this.kept[0], this.last];
    return first && last ? of(last) - of(first) : 0;
  }

  /** The latency of an action in s that a share q of it did not exceed, in the 30 s before. */
  quantiles(action: string, q: number): Point[] {
    return this.windows(latencyWindow, (before, now) => quantile(difference(before, now, action), q));
  }

  /** Compares each snapshot with the first one of the ms before it. */
  private windows(ms: number, value: (before: Snapshot, now: Snapshot) => number): Point[] {
    let from = 0;
    const points: Point[] = [];
    for (const now of this.kept.slice(1)) {
      while ((this.kept[from]?.at ?? now.at) < now.at - ms) from++;
      const before = this.kept[from];
      if (before && before.at <= now.at - least) points.push({ at: now.at, value: value(before, now) });
    }
    return points;
  }
}

function difference(before: Snapshot, now: Snapshot, action: string): Bucket[] {
  const old = before.latency.get(action) ?? [];
  return (now.latency.get(action) ?? []).map((b, n) => ({
    most: b.most,
    count: b.count - (old[n]?.count ?? 0),
  }));
}

/** The value that a share q of a histogram does not exceed, as Prometheus computes it; NaN if it is empty. */
export function quantile(buckets: Bucket[], q: number): number {
  const all = buckets.at(-1)?.count ?? 0;
  if (all === 0) return Number.NaN;
  const n = buckets.findIndex((b) => b.count >= q * all);
  const here = buckets[n];
  const below = buckets[n - 1] ?? { most: 0, count: 0 };
  if (!here || here.most === Infinity) return below.most;
  const share = (q * all - below.count) / (here.count - below.count);
  return below.most + (here.most - below.most) * share;
}
