import { act } from "react";
import { expect, vi } from "vitest";
import { type TicketSocketOptions, type TicketSource, ticketSource } from "../src/index.ts";
import type { FakeSocket } from "./fake-socket.ts";
import { Model, ticketUrl } from "./model.ts";

declare global {
  var IS_REACT_ACT_ENVIRONMENT: boolean;
}
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

/** A service in memory whose sockets open when the test says so, for components. */
export class House {
  readonly model: Model = new Model();
  /** Options of TicketSocket that let it use these sockets. */
  readonly options: TicketSocketOptions = { WebSocket: this.model.WebSocket };

  constructor() {
    this.model.onSocket = (socket) => {
      socket.onclosing = () => socket.serverClose(1005);
    };
  }

  source(user: string): TicketSource {
    return ticketSource(ticketUrl, { bearer: () => user, fetch: this.model.fetch });
  }

  /** The users for whom tickets were asked, in order. */
  get asked(): (string | undefined)[] {
    return this.model.ticketRequests.map(({ headers }) =>
      headers.get("Authorization")?.replace("Bearer ", ""),
    );
  }

  get sockets(): readonly FakeSocket[] {
    return this.model.sockets;
  }

  /** Waits for the next socket, and opens it. */
  async open(): Promise<void> {
    const next = () => this.sockets.find(({ readyState }) => readyState === 0);
    await settled(() => vi.waitFor(() => expect(next()).toBeDefined(), patience));
    await settled(() => next()?.serverOpen());
  }

  /** Waits until so many sockets are not closed. */
  async lives(sockets: number): Promise<void> {
    const living = () => this.sockets.filter(({ alive }) => alive);
    await vi.waitFor(() => expect(living()).toHaveLength(sockets), patience);
  }
}

/** How long a test waits for something that has to come. */
export const patience: { timeout: number } = { timeout: 30_000 };

/** Does something and waits until React and the promises that it started are done. */
export async function settled(does: () => unknown = () => {}): Promise<void> {
  await act(async () => {
    await does();
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
  });
}
