// The log of this wsticket, as it is written.

const kept = 300; // lines

/** A line of the log, and what it says. */
export interface Line {
  number: number;
  text: string;
  fields: Record<string, string>;
}

/** The lines that were written since the page was opened. A page that is hidden reads them later. */
export class AccessLog {
  #lines: Line[] = [];
  #waiting = new Set<() => void>();
  #stream: EventSource | undefined;
  /** The number of the last line. */
  last = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#follow());
    this.#follow();
  }

  /** Returns the first line behind a number that fits, once it is written; undefined if it is not within 2 s. */
  find(fits: (fields: Record<string, string>) => boolean, behind = 0): Promise<Line | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const line = this.#lines.find(({ number, fields }) => number > behind && fits(fields));
        if (line) end(line);
      };
      const end = (line?: Line) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(line);
      };
      const timer = setTimeout(end, 2000);
      this.#waiting.add(look);
      look();
    });
  }

  // Browsers have six connections to a host: tabs that nobody sees leave theirs to others.
  #follow(): void {
    if (document.hidden) {
      this.#stream?.close();
      this.#stream = undefined;
      return;
    }
    this.#stream ??= new EventSource(`/demo/log${this.last ? `?after=${this.last}` : ""}`);
    this.#stream.onmessage = ({ data, lastEventId }) => this.#take(data, lastEventId);
  }

  #take(text: string, id: string): void {
    if (Number(id) <= this.last) this.#lines = []; // wsticket was started again, and counts from one
    this.last = Number(id);
    this.#lines.push({ number: this.last, text, fields: fieldsOf(text) });
    if (this.#lines.length > kept) this.#lines.shift();
    for (const look of this.#waiting) look();
  }
}

/** Reads a line, in either of the formats that log.format has. A long one may be cut off. */
function fieldsOf(line: string): Record<string, string> {
  if (line.startsWith("{")) {
    if (!line.endsWith("}")) return {};
    const parsed: Record<string, unknown> = JSON.parse(line);
    return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]));
  }
  const pairs = line.matchAll(/([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)/g);
  return Object.fromEntries(Array.from(pairs, ([, name, value]) => [name, value?.replace(/^"|"$/g, "")]));
}
