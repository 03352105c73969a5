import { act } from "react";
import { expect, vi } from "vitest";
import { type TicketSocketOptions, type TicketSource, ticketSource } from "../src/index.ts";

declare global {
  var IS_REACT_ACT_ENVIRONMENT: boolean;
}
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

/** A WebSocket that opens when the test says so. */
class ScriptedSocket {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: Event) => void) | null = null;
  binaryType = "blob";
  readonly bufferedAmount = 0;
  readonly protocol = "";
  /** Neither closed nor closing. */
  lives = true;
  opened = false;

  open(): void {
    this.opened = true;
    this.onopen?.(new Event("open"));
  }

  send(): void {}

  close(code = 1000, reason = ""): void {
    if (!this.lives) return;
    this.lives = false;
    this.onclose?.(Object.assign(new Event("close"), { code, reason }));
  }
}

/** What a test sees of wsticket and of the network. */
export class House {
  /** The users for whom tickets were asked, in order. */
  readonly asked: string[] = [];
  /** How many of these requests were aborted. */
  aborted = 0;
  /** Every socket that was made. */
  readonly sockets: ScriptedSocket[] = [];
  /** Options of TicketSocket that let it use these sockets. */
  readonly options: TicketSocketOptions;
  /** What requests get. The default is a ticket. */
  answer: (user: string, n: number) => Promise<Response> = issued;

  constructor() {
    const { sockets } = this;
    this.options = {
      WebSocket: class extends ScriptedSocket {
        constructor() {
          super();
          sockets.push(this);
        }
      },
    };
  }

  /** A source of a user. */
  source(user: string): TicketSource {
    return ticketSource("https://api.example.com/ws-ticket", {
      bearer: () => user,
      fetch: async (_, init) => {
        init?.signal?.throwIfAborted();
        this.asked.push(user);
        return new Promise((resolve, reject) => {
          init?.signal?.addEventListener("abort", () => {
            this.aborted++;
            reject(new Error("aborted"));
          });
          this.answer(user, this.asked.length).then(resolve, reject);
        });
      },
    });
  }

  /** Waits for the next socket, and opens it. */
  async open(): Promise<void> {
    const next = () => this.sockets.find(({ lives, opened }) => lives && !opened);
    await settled(() => vi.waitFor(() => expect(next()).toBeDefined(), patience));
    await settled(() => next()?.open());
  }

  /** Waits until so many sockets are neither closed nor closing. */
  async lives(sockets: number): Promise<void> {
    const living = () => this.sockets.filter((socket) => socket.lives);
    await vi.waitFor(() => expect(living()).toHaveLength(sockets), patience);
  }
}

/** How long a test waits for something that has to come. */
export const patience = { timeout: 30_000 };
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

async function issued(user: string, n: number): Promise<Response> {
  const id = `${user}-${n}-`;
  const token = `wst1_${id.padEnd(49, "0")}`;
  const later = (ms: number) => new Date(Date.now() + ms).toISOString();
  return Response.json(
    {
      ticket: token,
      ticket_id: id.padEnd(22, "0"),
      expires_in: 30,
      expires_at: later(30_000),
      url: `wss://api.example.com/ws?ticket=${token}`,
      protocols: ["wsticket.v1", `ticket.${token}`],
      connection_expires_at: later(3_600_000),
    },
    { status: 201 },
  );
}

/** Does something and waits until React and every promise that it started are done. */
export async function settled(does: () => unknown = () => {}): Promise<void> {
  await act(async () => {
    await does();
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
  });
}
