import { clock } from "../../look/format.ts";
import { code, facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { present } from "../trial.ts";

const meanings: Record<string, string> = {
  wrong_origin: "it was for this page, and came from somewhere else",
  origin_not_allowed: "it came from a page that may not connect",
  closed_door: "it came by a door that is closed",
  spent: "it was used before",
};

/** A handshake that is refused, and the receipt that says why. */
export function receiptStep({ visitor }: Tour): Step {
  const step = new Step("receipt", "What does the receipt say?");
  step.on(async () => {
    const ticket = await visitor.source.next();
    const [attempt] = await present(ticket.token, 1, true);
    const { state, reason = "unknown", at } = await visitor.source.receipt(ticket.id);
    step.say(
      `The thief was ${attempt?.status === 101 ? "let in" : "refused"}.`,
      attempt?.status === 101 ? "bad" : "good",
    );
    step.show(
      facts({
        "The thief sees": `${attempt?.status}, the same as for a ticket that never existed`,
        "You ask": code(`GET /ws-ticket/${ticket.id}`),
        "The receipt says": `${state}: ${reason}${meanings[reason] ? ` – ${meanings[reason]}` : ""}`,
        At: at && clock(new Date(at)),
        "The ticket": state === "pending" ? "can still be used" : "is spent: the client gets another one",
      }),
    );
    step.finish();
  });
  return step;
}
