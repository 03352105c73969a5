// Who is signed in, and the tickets of that user. The bearer is in memory only.
import { type Ticket, type TicketSource, ticketSource } from "../../../client/src/index.ts";
import { addressOf, type Settings, signIn } from "./trial.ts";

/** How long the bearer of a short connection lives, in seconds. */
const short = 60;

/** The user of this page. It fires `change` when somebody signs in or is signed out. */
export class Visitor extends EventTarget {
  /** Empty while nobody is signed in. */
  name = "";
  /** When the bearer ends, in ms. */
  endsAt = 0;
  /** A ticket that is for the next connection. */
  held: Ticket | undefined;
  /** The ticket that was handed out last. */
  handed: Ticket | undefined;
  /** What connections get their tickets from. */
  readonly source: TicketSource;
  /** The same with bearers that live for a minute. */
  readonly brief: TicketSource;
  #bearer = "";

  constructor(settings: Settings) {
    super();
    this.brief = complete(
      ticketSource("/ws-ticket", { bearer: async () => (await signIn(this.name, short)).bearer }),
      settings,
    );
    const plain = ticketSource("/ws-ticket", {
      // An application would ask its login for a fresh one.
      bearer: async ({ reason }) => {
        if (this.name && reason !== "connect") await this.signIn(this.name);
        return this.#bearer;
      },
    });
    const source = complete(plain, settings);
    // An application hands out each ticket as it comes. Here the visitor may have one in hand.
    this.source = {
      ...source,
      next: async (signal) => this.#hand(this.#take() ?? (await source.next(signal))),
    };
  }

  /** Signs in for as long as bearers live here. Somebody else who was signed in leaves. */
  async signIn(name: string): Promise<void> {
    const { bearer, expires_in } = await signIn(name);
    if (this.name && name !== this.name) this.leave();
    this.#bearer = bearer;
    this.name = name;
    this.endsAt = Date.now() + expires_in * 1000;
    this.dispatchEvent(new Event("change"));
  }

  /** Forgets who was signed in. */
  leave(): void {
    this.#bearer = this.name = "";
    this.held = this.handed = undefined;
    this.dispatchEvent(new Event("change"));
  }

  /** Makes the ticket that is for the next connection. */
  async hold(): Promise<Ticket> {
    this.held = undefined;
    this.held = await this.source.next();
    return this.held;
  }

  /** The beginning of the bearer, and how many characters it has: enough to see what it is, and of no use. */
  get excerpt(): { text: string; length: number } {
    return { text: this.#bearer.slice(0, 28), length: this.#bearer.length };
  }

  #take(): Ticket | undefined {
    const { held } = this;
    this.held = undefined;
    return held && held.expiresAt > Date.now() ? held : undefined;
  }

  #hand(ticket: Ticket): Ticket {
    this.handed = ticket;
    return ticket;
  }
}

/** Gives tickets the address that the server leaves out where paths have templates. An application has its own. */
function complete(source: TicketSource, settings: Settings): TicketSource {
  return {
    ...source,
    next: async (signal) => {
      const ticket = await source.next(signal);
      const query = `${settings.parameter}=${ticket.token}`;
      return ticket.url ? ticket : { ...ticket, query, url: `${addressOf(settings)}?${query}` };
    },
  };
}
