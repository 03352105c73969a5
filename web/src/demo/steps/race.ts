import { el } from "../../look/dom.ts";
import { Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { type Handshake, present } from "../trial.ts";

const racers = 100;

/** Present a ticket a hundred times at once. */
export function raceStep({ visitor }: Tour): Step {
  const step = new Step("race", "How many get in?");
  step.on(async () => {
    const ticket = await visitor.source.next();
    const all = await present(ticket.token, racers);
    const won = all.filter(({ status }) => status === 101).length;
    const refused = all.filter(({ status }) => status === 401 || status === 4001).length;
    const last = Math.max(...all.map(({ ms }) => ms));
    const rest = all.length - won - refused;
    step.say(
      `${won} got in, ${refused} were refused${rest > 0 ? `, ${rest} had no answer or another one` : ""}.`,
      won === 1 ? "good" : "bad",
    );
    step.show(
      field(all),
      el("p", { class: "muted" }, `In the order of the answers, all of them within ${last.toFixed(0)} ms.`),
    );
    step.finish();
  });
  return step;
}

/** Draws a square for each handshake. */
function field(all: Handshake[]): HTMLElement {
  const label = `${all.length} handshakes: number ${all.findIndex(({ status }) => status === 101) + 1} of the answers is 101, in`;
  return el(
    "div",
    { class: "race", role: "img", "aria-label": label },
    ...all.map(({ status, ms }) =>
      el("span", { "data-status": status, title: `${status || "no answer"} after ${ms.toFixed(1)} ms` }),
    ),
  );
}
