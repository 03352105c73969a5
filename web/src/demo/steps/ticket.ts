import type { Ticket } from "../../../../client/src/index.ts";
import { el, say } from "../../look/dom.ts";
import { left, Ticker } from "../clock.ts";
import { code, facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import type { Visitor } from "../visitor.ts";

/** Get a ticket and watch its seconds run. */
export function ticketStep({ visitor, connection }: Tour): Step {
  const question = "What does a ticket look like?";
  const step = new Step("ticket", question);
  const ticker = new Ticker();
  let mine: Ticket | undefined;
  step.on(async () => {
    mine = await visitor.hold();
    show(step, ticker, visitor, mine);
    step.finish();
  });
  visitor.addEventListener("change", () => {
    if (visitor.name) return;
    mine = undefined;
    ticker.stop();
    step.rest(question);
  });
  connection.addEventListener("change", () => {
    if (mine && connection.opened?.ticket === mine)
      step.say("The ticket is spent: it has opened a connection.", "plain");
  });
  return step;
}

/** Shows a ticket, and its seconds as long as they run. */
function show(step: Step, ticker: Ticker, visitor: Visitor, ticket: Ticket): void {
  const seconds = left(ticket.expiresAt);
  const bar = el("progress", { max: seconds, value: seconds, "aria-label": "Time that is left" });
  const rest = el("span", { class: "seconds" });
  const running = el("div", { class: "running" }, bar, rest);
  step.say(`A ticket, good for ${seconds} seconds.`, "good");
  step.show(
    el("p", { class: "token" }, code(ticket.token)),
    running,
    facts({ "Works for": "one connection, from this page", "Its name in logs": code(ticket.id) }),
  );
  ticker.run(() => {
    const now = left(ticket.expiresAt);
    bar.value = now;
    say(rest, `${now} s left`);
    if (now > 0 && visitor.held === ticket) return true;
    say(rest, now > 0 ? "spent" : "expired");
    running.dataset["over"] = "";
    if (now === 0)
      step.say("The ticket has expired: nobody can use it. The next step gets a new one.", "plain");
    return false;
  });
}
