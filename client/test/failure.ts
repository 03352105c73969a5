import type { TicketError } from "../src/index.ts";

/** The error that a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<TicketError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: TicketError) => ({ error }),
  );
  if ("value" in outcome) throw new Error("it did not fail");
  return outcome.error;
}
