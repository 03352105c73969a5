import { vi } from "vitest";

/** A page's window and document, with no more than the client may look at. */
export class Page {
  readonly window: CountingTarget = new CountingTarget();
  readonly document: CountingTarget & { visibilityState: string; hidden: boolean } = Object.assign(
    new CountingTarget(),
    {
      visibilityState: "visible",
      hidden: false,
    },
  );
  readonly navigator: { onLine: boolean } = { onLine: true };

  /** Makes it the page of this test; vi.unstubAllGlobals removes it. */
  install(): this {
    const { window } = this;
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
    vi.stubGlobal("dispatchEvent", window.dispatchEvent.bind(window));
    vi.stubGlobal("document", this.document);
    vi.stubGlobal("navigator", this.navigator);
    return this;
  }

  /** How many listeners there are that nobody has removed. */
  get listeners(): number {
    return this.window.count + this.document.count;
  }

  online(onLine: boolean): void {
    this.navigator.onLine = onLine;
    this.window.dispatchEvent(new Event(onLine ? "online" : "offline"));
  }

  visible(visible: boolean): void {
    Object.assign(this.document, { visibilityState: visible ? "visible" : "hidden", hidden: !visible });
    this.document.dispatchEvent(new Event("visibilitychange"));
    this.window.dispatchEvent(new Event("visibilitychange")); // it bubbles
  }

  /** The page goes into the back-forward cache, or comes back from there. */
  hide(): void {
    this.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  }

  show(): void {
    this.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  }
}

class CountingTarget extends EventTarget {
  readonly #listeners = new Map<string, Set<unknown>>();

  get count(): number {
    return [...this.#listeners.values()].reduce((sum, of) => sum + of.size, 0);
  }

  override addEventListener(
    type: string,
    listener: EventListener | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    const of = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, of.add(listener));
    // A signal removes it, too.
    if (typeof options === "object") options.signal?.addEventListener("abort", () => of.delete(listener));
    super.addEventListener(type, listener, options);
  }

  override removeEventListener(
    type: string,
    listener: EventListener | null,
    options?: EventListenerOptions | boolean,
  ): void {
    this.#listeners.get(type)?.delete(listener);
    super.removeEventListener(type, listener, options);
  }
}
