import type { TicketSource } from "./source.ts";
import type { Ticket } from "./ticket.ts";

/** Renews a connection ahead of its end, again and again, until the signal is aborted. */
export function keepRenewing(
  source: TicketSource,
  { id, connectionExpiresAt }: Ticket,
  signal: AbortSignal,
): void {
  let timer: ReturnType<typeof setTimeout>;
  signal.addEventListener("abort", () => clearTimeout(timer));

  /** Waits until a fifth to a tenth of what is left remains, at most 30 s. */
  function schedule(until: number): void {
    const left = until - Date.now();
    const ahead = Math.min(left / 5, 30_000) * (0.5 + Math.random() / 2);
    if (left > 1000 && !signal.aborted) timer = setTimeout(renew, Math.min(left - ahead, 1e9), until);
  }

  async function renew(until: number): Promise<void> {
    try {
      const renewed = await source.renew(id, signal);
      if (renewed > until) schedule(renewed);
    } catch (error) {
      // The deadline stands. What passes is tried again in what is left.
      if (source.judge(error).action === "retry") schedule(until);
    }
  }

  schedule(connectionExpiresAt);
}
