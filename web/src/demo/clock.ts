// Times that run on the page.

/** Calls a function every quarter of a second, and at once, until it returns false or another one takes its place. */
export class Ticker {
  #timer: ReturnType<typeof setInterval> | undefined;

  run(tick: () => boolean): void {
    clearInterval(this.#timer);
    if (!tick()) return;
    this.#timer = setInterval(() => {
      if (!tick()) clearInterval(this.#timer);
    }, 250);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Returns how many seconds are left, 0 if it is over. */
export function left(until: number): number {
  return Math.max(0, Math.ceil((until - Date.now()) / 1000));
}
