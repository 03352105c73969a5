// The live connections of all processes.
import { el, put, say, set } from "../look/dom.ts";
import { clock, count } from "../look/format.ts";
import { poll } from "../look/poll.ts";
import type { Page } from "./actions.ts";
import { locked, notice } from "./notice.ts";
import { rows } from "./rows.ts";
import { type SearchForm, searchForm } from "./search.ts";
import { advice, type Service } from "./service.ts";

const pageSize = 15;
const every = 5_000; // ms

/** Makes the section. `follow` shows the timeline of a ticket. */
export function connections(service: Service, follow: (id: string) => void): HTMLElement {
  return new Connections(service, follow).element;
}

class Connections {
  readonly element: HTMLElement;
  private readonly place = el("div");
  private readonly summary = el("p", { class: "muted" });
  private readonly stamp = el("span", { class: "muted" });
  private readonly partial = el("p", { class: "banner warn", role: "status", hidden: true });
  private readonly keep = el("input", { type: "checkbox", checked: true });
  private readonly previous = el("button", { type: "button", onclick: () => this.turn(-1) }, "Previous");
  private readonly next = el("button", { type: "button", onclick: () => this.turn(1) }, "Next");
  private readonly pages = el(
    "nav",
    { class: "row pages", "aria-label": "Pages of connections" },
    this.previous,
    this.next,
  );
  private readonly form: SearchForm = searchForm(() => this.search());
  private readonly tools: HTMLElement;
  private table;
  private cursors = [""]; // those of the pages before this one, and its own
  private following: string | undefined;
  private asked = 0; // counts questions: only the answer to the last one is shown

  constructor(
    private readonly service: Service,
    private readonly follow: (id: string) => void,
  ) {
    this.table = this.newTable();
    const keep = el("label", { class: "row keep" }, this.keep, "Keep up to date");
    const status = el("div", { class: "row" }, this.summary, this.stamp, keep);
    this.tools = el("div", { class: "stack" }, this.form.element, this.partial, status);
    this.element = el(
      "section",
      { class: "card stack", "aria-labelledby": "live" },
      el("h2", { id: "live" }, "Live connections"),
      this.tools,
      this.place,
      this.pages,
    );
    service.addEventListener("access", () => this.access());
    this.access();
    poll(
      () => this.refresh(),
      every,
      (error) => this.failed(error),
    );
  }

  private newTable() {
    return rows(this.service, this.follow, () => this.again());
  }

  /** Starts over, with what the key allows. */
  private access(): void {
    const may = this.service.may("read");
    const { caller, allAudiences } = this.service.access;
    this.asked++;
    this.table = this.newTable();
    this.tools.hidden = !may;
    this.pages.hidden = true;
    const waiting = () => notice("loading", "Asking all processes…");
    put(this.place, may ? waiting() : locked("Live connections", "read", caller, allAudiences));
    if (may) this.search();
  }

  private search(): void {
    this.cursors = [""];
    this.again();
  }

  private turn(by: number): void {
    if (by > 0 && this.following) this.cursors.push(this.following);
    if (by < 0 && this.cursors.length > 1) this.cursors.pop();
    this.again();
  }

  private again(): void {
    set(this.summary, { "aria-live": "polite" }); // what was asked for is announced
    this.load().catch((error: unknown) => this.failed(error));
  }

  private async refresh(): Promise<void> {
    const busy = document.querySelector("dialog[open]") !== null;
    if (!this.keep.checked || !this.service.may("read") || busy) return;
    set(this.summary, { "aria-live": "off" });
    await this.load();
  }

  private async load(): Promise<void> {
    const asked = ++this.asked;
    const query = this.form.query();
    query.set("limit", String(pageSize));
    const cursor = this.cursors.at(-1);
    if (cursor) query.set("cursor", cursor);
    const page = (await this.service.json(`connections?${query}`)) as Page;
    if (asked === this.asked) this.draw(page);
  }

  private draw(page: Page): void {
    if (page.connections.length === 0 && this.cursors.length > 1) {
      this.search(); // all of this page have closed
      return;
    }
    this.following = page.next;
    say(this.summary, summaryOf(page));
    say(this.stamp, `As of ${clock(new Date())}`);
    this.partial.hidden = !page.partial;
    say(this.partial, page.partial ? incomplete(page.missing ?? []) : "");
    this.offerPages(this.cursors.length === 1, !page.next);
    if (page.connections.length === 0) put(this.place, nothing(this.form.filled()));
    else if (this.place.firstChild !== this.table.element) put(this.place, this.table.element);
    this.table.draw(page.connections);
  }

  private offerPages(first: boolean, last: boolean): void {
    const focused = document.activeElement;
    set(this.previous, { disabled: first });
    set(this.next, { disabled: last });
    this.pages.hidden = first && last;
    // A button that is off loses the focus.
    if (focused === this.next && last) this.previous.focus();
    if (focused === this.previous && first) this.next.focus();
  }

  private failed(error: unknown): void {
    if (!this.service.may("read")) return;
    const again = el("button", { type: "button", onclick: () => this.again() }, "Try again");
    put(this.place, notice("fault", "The connections could not be listed", advice(error), again));
    say(this.summary, "");
    say(this.stamp, "");
  }
}

function summaryOf({ nodes }: Page): string {
  const all = nodes.reduce((sum, node) => sum + node.connections, 0);
  const from = nodes.length === 1 ? "one process" : `${nodes.length} processes`;
  return `${count(all)} ${all === 1 ? "connection" : "connections"} in ${from}`;
}

function nothing(searched: boolean): HTMLElement {
  return searched
    ? notice("empty", "No open connection matches", "Names are compared whole, and with their case.")
    : notice("empty", "No connection is open");
}

function incomplete(missing: string[]): string {
  const who = missing.length === 1 ? "One process" : `${missing.length} processes`;
  return `This list is not complete. ${who} did not answer within two seconds: ${missing.join(", ")}.`;
}
