// The demo page of `wsticket dev`: a tour in ten steps, each against the real service.
import { say } from "../look/dom.ts";
import { AccessLog } from "./accesslog.ts";
import { Connection } from "./connection.ts";
import { find, type Step, wordsOf } from "./step.ts";
import { againStep } from "./steps/again.ts";
import { chatStep } from "./steps/chat.ts";
import { connectStep } from "./steps/connect.ts";
import { logsStep } from "./steps/logs.ts";
import { raceStep } from "./steps/race.ts";
import { receiptStep } from "./steps/receipt.ts";
import { renewStep } from "./steps/renew.ts";
import { signInStep } from "./steps/signin.ts";
import { signOutStep } from "./steps/signout.ts";
import { ticketStep } from "./steps/ticket.ts";
import type { Tour } from "./tour.ts";
import { settings } from "./trial.ts";
import { Visitor } from "./visitor.ts";

try {
  const known = await settings();
  const visitor = new Visitor(known);
  const tour = {
    settings: known,
    visitor,
    log: new AccessLog(),
    connection: new Connection(visitor, known),
  };
  const steps = [
    signInStep,
    ticketStep,
    connectStep,
    chatStep,
    logsStep,
    againStep,
    raceStep,
    signOutStep,
    renewStep,
    receiptStep,
  ];
  guide(
    tour,
    steps.map((step) => step(tour)),
  );
  follow(tour);
} catch (error) {
  notice(wordsOf(error));
}

/** Shows which step is next, and opens those that need a user. */
function guide({ visitor }: Tour, steps: Step[]): void {
  const update = () => {
    const next = visitor.name ? steps.find((step) => !step.done) : steps[0];
    for (const step of steps) {
      step.main.classList.toggle("primary", step === next);
      step.main.disabled = !visitor.name && step !== steps[0];
    }
  };
  for (const step of steps) step.addEventListener("done", update);
  visitor.addEventListener("change", () => {
    if (visitor.name) delete find(document, "#tour").dataset["locked"];
    update();
  });
  update();
}

/** Keeps the line at the top. */
function follow({ visitor, connection }: Tour): void {
  const user = find(document, '[data-part="user"]');
  const badge = find(document, '[data-part="connection"]');
  const update = () => {
    say(user, visitor.name ? `Signed in as ${visitor.name}` : "Not signed in");
    const [mood, text] = connection.opened
      ? ["good", "connected"]
      : connection.end
        ? ["bad", connection.end.again ? "reconnecting" : `closed: ${connection.end.code}`]
        : ["", "not connected"];
    badge.className = `badge ${mood}`;
    say(badge, text);
  };
  visitor.addEventListener("change", update);
  connection.addEventListener("change", update);
}

function notice(text: string): void {
  const place = find(document, '[data-part="notice"]');
  place.hidden = false;
  say(place, text);
}
