/** How a {@link poll} stands. */
export interface Polling {
  /** Runs the task now, or once more as soon as it has run. */
  now(): void;
}

const slowest = 30_000; // ms between two attempts while all of them fail

/**
 * Runs a task again and again while the page is visible: so many ms after its end, and
 * after a failure (a rejection) with twice the pause each time, up to 30 s. `failed`
 * learns the pause until the next attempt, in ms.
 */
export function poll(
  task: () => Promise<void>,
  every: number,
  failed: (error: unknown, pause: number) => void,
): Polling {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  let again = false;
  let failures = 0;

  async function run(): Promise<void> {
    if (running || document.hidden) return;
    clearTimeout(timer);
    running = true;
    let pause = every;
    try {
      await task();
      failures = 0;
    } catch (error) {
      pause = Math.min(slowest, every * 2 ** ++failures);
      failed(error, pause);
    }
    running = false;
    timer = setTimeout(run, again ? 0 : pause);
    again = false;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else void run();
  });
  void run();
  return {
    now() {
      again = running;
      void run();
    },
  };
}
