import { TicketError } from "./judge.ts";

/**
 * Runs work with a signal and settles as it does, but no later than after some milliseconds or when the outer
 * signal is aborted, because work may ignore its signal. The signal of the work is aborted in the end.
 */
export function within<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = () => controller.abort();
  const timer = setTimeout(stop, Math.min(ms, 1e9));
  outer?.addEventListener("abort", stop);
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener("abort", () =>
      reject(new TicketError(outer?.aborted ? "aborted" : "timeout", "retry")),
    );
    if (outer?.aborted) stop();
    else Promise.resolve(signal).then(work).then(resolve, reject);
  }).finally(() => {
    clearTimeout(timer);
    outer?.removeEventListener("abort", stop);
    stop();
  });
}
