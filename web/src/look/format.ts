// Numbers and times as people read them.

/** A count or rate in at most three digits or so: 0, 0.25, 4.2, 37, 1.2k, 3.4M. */
export function number(n: number): string {
  if (n >= 1e6) return `${trim(n / 1e6, 1)}M`;
  if (n >= 1e4) return `${trim(n / 1e3, 1)}k`;
  if (n >= 10 || Number.isInteger(n)) return String(Math.round(n));
  return trim(n, n < 1 ? 2 : 1);
}

/** A whole number with its thousands apart. */
export function count(n: number): string {
  return Math.round(n).toLocaleString("en");
}

function trim(n: number, digits: number): string {
  return String(Number(n.toFixed(digits)));
}

/** A duration in seconds: 80 µs, 1.2 ms, 3.4 s. */
export function duration(seconds: number): string {
  if (seconds < 1e-3) return `${number(seconds * 1e6)} µs`;
  if (seconds < 1) return `${number(seconds * 1e3)} ms`;
  return age(seconds);
}

/** A longer one in its two largest units: 12 s, 4 min 30 s, 3 h 5 min, 2 d 4 h. */
export function age(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 60) return `${s < 10 ? trim(s, 1) : Math.round(s)} s`;
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => s >= size);
  const [large, small] = [units[first], units[first + 1]];
  if (!large || !small) return `${Math.round(s)} s`;
  const rest = Math.floor((s % large[1]) / small[1]);
  return `${Math.floor(s / large[1])} ${large[0]}${rest > 0 ? ` ${rest} ${small[0]}` : ""}`;
}

/** A time of the day: 10:04:05, with ms if they are asked for. */
export function clock(at: Date, ms = false): string {
  const text = at.toLocaleTimeString("en-GB", { hour12: false });
  return ms ? `${text}.${String(at.getMilliseconds()).padStart(3, "0")}` : text;
}

/** A time of the day, with its date unless that is today. */
export function moment(at: Date): string {
  const today = at.toDateString() === new Date().toDateString();
  return today ? clock(at) : `${at.toLocaleDateString("en-CA")} ${clock(at)}`;
}
