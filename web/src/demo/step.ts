import { el, put, say } from "../look/dom.ts";

/** How something went: the colour of what is said. */
export type Mood = "good" | "bad" | "plain";

/** One step of the tour: what to do at one side, what happened at the other. It fires `done`. */
export class Step extends EventTarget {
  readonly root: HTMLElement;
  /** The button of the step. */
  readonly main: HTMLButtonElement;
  /** Whether it was done once. */
  done = false;
  readonly #said = el("p", { class: "said", role: "status" });
  readonly #shown = el("div", { class: "shown" });
  #running = false;

  /** Takes the section of the page, and asks what it will answer. */
  constructor(name: string, question: string) {
    super();
    this.root = find(document, `[data-step="${name}"]`);
    this.main = this.part<HTMLButtonElement>('[data-action="main"]');
    this.root.append(el("div", { class: "result" }, this.#said, this.#shown));
    this.rest(question);
  }

  /** Returns an element of the step. */
  part<E extends HTMLElement>(selector: string): E {
    return find<E>(this.root, selector);
  }

  /** Waits for the visitor. */
  rest(text: string): void {
    this.say(text, "plain");
    this.show();
  }

  /** Says what happened. It is read aloud. */
  say(text: string, mood: Mood): void {
    this.#said.dataset["mood"] = mood;
    say(this.#said, text);
  }

  /** Shows more of it, in place of what was shown before. */
  show(...nodes: (Node | string | undefined)[]): void {
    put(this.#shown, ...nodes);
  }

  /** Runs an action at a click or Enter, once at a time. What fails is said. */
  on(action: () => Promise<void>, button = this.main): void {
    const form = button.form;
    const target: HTMLElement = form ?? button;
    target.addEventListener(form ? "submit" : "click", (event) => {
      event.preventDefault();
      void this.run(action);
    });
  }

  /** Runs an action that takes part in the step. */
  async run(action: () => Promise<void>): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.root.setAttribute("aria-busy", "true");
    try {
      await action();
    } catch (error) {
      this.say(wordsOf(error), "bad");
    } finally {
      this.#running = false;
      this.root.removeAttribute("aria-busy");
    }
  }

  /** Notes that the visitor has seen what it shows. */
  finish(): void {
    this.done = true;
    this.root.dataset["done"] = "";
    this.dispatchEvent(new Event("done"));
  }
}

/** Returns an element that has to be there. */
export function find<E extends HTMLElement>(within: ParentNode, selector: string): E {
  const found = within.querySelector<E>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** Says what an error means: one of this page, of the client, or the end of a connection. */
export function wordsOf(error: unknown): string {
  const { name, message, reason, code } = error as Partial<Error & { reason: string; code: number }>;
  const away = ["network", "timeout", "bearer_failed"].includes(reason ?? "");
  if (away || name === "TimeoutError" || name === "TypeError")
    return "wsticket does not answer. Is it still running?";
  if (reason === "signed_out") return "Nobody is signed in: see step 1.";
  if (reason === "handshake_pending")
    return "Refused, before the ticket was looked at: it can still be used.";
  if (reason === "handshake_redeemed")
    return "The ticket was good, but the application behind wsticket did not take the connection.";
  if (reason) return `Refused: ${reason}${code ? ` (code ${code})` : ""}.`;
  if (code) return `Refused. The browser says ${code} and no more.`;
  return message ?? "It failed.";
}

/** Makes a list of names and values. What has no value is left out. */
export function facts(pairs: Record<string, Node | string | undefined>): HTMLElement {
  const rows = Object.entries(pairs).filter(([, value]) => value !== undefined);
  return el(
    "dl",
    { class: "facts" },
    ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/** Makes a text of a machine. */
export function code(text: string): HTMLElement {
  return el("code", {}, text);
}
