import { TicketSocket } from "../../../../client/src/index.ts";
import { el, say } from "../../look/dom.ts";
import { age, clock } from "../../look/format.ts";
import { left, Ticker } from "../clock.ts";
import { type Connection, firstOpen } from "../connection.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import type { Visitor } from "../visitor.ts";

/** A connection of a minute, and how it is renewed. */
export function renewStep({ visitor, connection }: Tour): Step {
  const step = new Step("renew", "Does the end of the connection move?");
  const short = new ShortConnection(step, visitor);
  step.on(() => short.open(connection));
  step.on(() => short.renew(), step.part('[data-action="renew"]'));
  visitor.addEventListener("change", () => {
    if (!visitor.name) short.close();
  });
  return step;
}

/** The connection of this step, beside that of the tour. */
class ShortConnection {
  readonly #step: Step;
  readonly #visitor: Visitor;
  readonly #renew: HTMLButtonElement;
  readonly #ticker = new Ticker();
  #socket: TicketSocket | undefined;
  #until = 0;

  constructor(step: Step, visitor: Visitor) {
    this.#step = step;
    this.#visitor = visitor;
    this.#renew = step.part('[data-action="renew"]');
  }

  /** Connects by the door of the tour. */
  async open({ ticketDoor: door }: Connection): Promise<void> {
    this.close();
    const { brief } = this.#visitor;
    const source: typeof brief = {
      ...brief,
      next: async (signal) => {
        const ticket = await brief.next(signal);
        this.#until = ticket.connectionExpiresAt;
        return ticket;
      },
    };
    // Without `renew: false` the client would do what the button does.
    const socket = new TicketSocket(source, { door, renew: false });
    this.#socket = socket;
    await firstOpen(socket);
    const ended = (code: number, why: string) => {
      if (this.#socket === socket) this.#end(code, why);
    };
    socket.addEventListener("reconnecting", ({ code, why }) => ended(code, why));
    socket.addEventListener("close", ({ code, why }) => ended(code, why));
    this.#step.say(`Connected with a bearer that lives for ${left(this.#until)} seconds.`, "good");
    this.#show();
    this.#renew.disabled = false;
  }

  /** Shows a fresh bearer. */
  async renew(): Promise<void> {
    if (!this.#socket) return;
    const before = this.#until;
    this.#until = await this.#visitor.brief.renew(this.#socket.id);
    this.#step.say("Renewed: the connection goes on, and nobody noticed.", "good");
    const seconds = Math.round((this.#until - before) / 1000);
    this.#show(seconds > 0 ? `by ${age(seconds)}` : "by less than a second: the bearer before was as fresh");
    this.#step.finish();
  }

  /** Leaves, and shows nothing more. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#renew.disabled = true;
    this.#ticker.stop();
    socket?.close();
  }

  #end(code: number, why: string): void {
    this.close();
    this.#step.show();
    if (code !== 4008) this.#step.say(`The connection has ended: ${why} (code ${code}).`, "bad");
    else
      this.#step.say(
        "The bearer is over, and with it the connection: code 4008. The client would be back with a fresh one.",
        "plain",
      );
  }

  /** Shows how long the connection lives, and how its end was moved. */
  #show(moved?: string): void {
    const seconds = left(this.#until);
    const bar = el("progress", {
      max: seconds,
      value: seconds,
      "aria-label": "Time until the connection ends",
    });
    const rest = el("span", { class: "seconds" });
    this.#step.show(
      el("div", { class: "running" }, bar, rest),
      facts({
        "Ends at": clock(new Date(this.#until)),
        Moved: moved,
        "In your page": "the client does this by itself, ahead of time",
      }),
    );
    this.#ticker.run(() => {
      bar.value = left(this.#until);
      say(rest, `${left(this.#until)} s left`);
      return left(this.#until) > 0;
    });
  }
}
