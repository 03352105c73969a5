import { type Ticket, TicketSocket } from "../../../../client/src/index.ts";
import { el, say } from "../../look/dom.ts";
import { clock } from "../../look/format.ts";
import { left, Ticker } from "../clock.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { short } from "../visitor.ts";

/** A connection of a minute, and how it is renewed. */
export function renewStep({ visitor }: Tour): Step {
  const step = new Step("renew", "Does the end of the connection move?");
  const renew = step.part<HTMLButtonElement>('[data-action="renew"]');
  const ticker = new Ticker();
  let socket: TicketSocket | undefined;

  /** Shows how long the connection lives, and what happened to its end. */
  const show = (until: number, moved?: string) => {
    const bar = el("progress", {
      max: short,
      value: left(until),
      "aria-label": "Time until the connection ends",
    });
    const rest = el("span", { class: "seconds" });
    step.show(
      el("div", { class: "running" }, bar, rest),
      facts({
        "Ends at": clock(new Date(until)),
        Moved: moved,
        "In an application": "the client does this by itself, ahead of time",
      }),
    );
    ticker.run(() => {
      bar.value = left(until);
      say(rest, `${left(until)} s left`);
      return left(until) > 0;
    });
  };

  const ended = (code: number, why: string) => {
    ticker.stop();
    renew.disabled = true;
    if (code === 4008)
      step.say(
        "The minute is over: closed with 4008, bearer expired. An application would come back with a fresh one.",
        "plain",
      );
    else step.say(`The connection has ended: ${why} (code ${code}).`, "bad");
    step.show();
  };

  step.on(async () => {
    socket?.close();
    let ticket: Ticket | undefined;
    const source = {
      ...visitor.brief,
      next: async (signal?: AbortSignal) => (ticket = await visitor.brief.next(signal)),
    };
    // Without `renew: false` the client would do what the button does.
    const own = new TicketSocket(source, { renew: false });
    socket = own;
    own.addEventListener("refused", (event) => event.preventDefault());
    own.addEventListener("reconnecting", ({ code, why }) => {
      own.close();
      if (socket === own) ended(code, why);
    });
    own.addEventListener("close", ({ code, why }) => {
      if (socket === own && why !== "done") ended(code, why);
    });
    await own.ready;
    if (!ticket) return;
    let until = ticket.connectionExpiresAt;
    step.say(`Connected with a bearer that lives for ${short} seconds.`, "good");
    show(until);
    renew.disabled = false;
    renew.onclick = () =>
      step.run(async () => {
        const before = until;
        until = await visitor.brief.renew(own.id);
        step.say("Renewed: the connection goes on, and nobody noticed.", "good");
        show(until, `from ${clock(new Date(before))} to ${clock(new Date(until))}`);
        step.finish();
      });
  });
  visitor.addEventListener("change", () => {
    if (!visitor.name) socket?.close();
  });
  return step;
}
