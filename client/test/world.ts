import { afterEach, beforeEach, vi } from "vitest";
import {
  TicketSocket,
  type TicketSocketOptions,
  type TicketSource,
  type TicketSourceOptions,
  ticketSource,
} from "../src/index.ts";
import { record } from "./events.ts";
import { Model, ticketUrl } from "./model.ts";
import { Page } from "./page.ts";

/** A service in memory, a page, and a socket, under fake timers. */
export class World {
  readonly model: Model = new Model();
  readonly page: Page = new Page().install();
  readonly #sockets: TicketSocket[] = [];

  source(options: TicketSourceOptions = {}): TicketSource {
    return ticketSource(ticketUrl, { bearer: () => "a-bearer", fetch: this.model.fetch, ...options });
  }

  /** A socket and the events that it has fired. */
  socket(options: TicketSocketOptions = {}, source: TicketSource = this.source()): Opened {
    const socket = new TicketSocket(source, { WebSocket: this.model.WebSocket as never, ...options });
    this.#sockets.push(socket);
    return { socket, events: record(socket) };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

/** A socket with its events. */
export interface Opened {
  readonly socket: TicketSocket;
  readonly events: ReturnType<typeof record>;
}

/** A new world for each test of the file. */
export function worlds(): () => World {
  let world: World | undefined;
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
    });
    vi.spyOn(console, "warn").mockImplementation(() => {});
    world = new World();
  });
  afterEach(async () => {
    world?.close();
    await pass(10_000);
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  return () => world as World;
}

/** Lets time pass, and everything happen that is due meanwhile. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  // Bodies of answers are read in several steps that no timer waits for.
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(0);
}

/** Makes Math.random return these values, and then the last one again and again. */
export function random(...values: readonly number[]): void {
  const left = [...values];
  vi.spyOn(Math, "random").mockImplementation(() => (left.length > 1 ? left.shift() : left[0]) ?? 0);
}
