import { TicketSocket, type TicketSource, ticketSource } from "../src/index.ts";
import type { Bearer, Life, Reply, Step, Story } from "./arbitraries.ts";
import { record } from "./events.ts";
import type { FakeSocket } from "./fake-socket.ts";
import { hang, json, Model, networkError, text, ticket, ticketUrl } from "./model.ts";
import { Page } from "./page.ts";

/** Milliseconds that the source of a story allows for one request. */
export const timeout = 4_000;

/** A message as the application has sent it. */
interface Sent {
  readonly user: string;
  readonly text: string;
  readonly queued: boolean;
}

/** Plays a story, and notes what must not happen. */
export class Run {
  readonly model: Model = new Model();
  readonly page: Page = new Page().install();
  readonly socket: TicketSocket;
  readonly events: ReturnType<typeof record>;
  readonly faults: string[] = [];
  readonly bearers: string[] = [];
  readonly sent: Sent[] = [];
  /** From now on, everything works. */
  healed = false;
  readonly #story: Story;
  readonly #counts: Record<string, number> = {};
  #user = "alice";
  /** Whose each ticket is, by its token. */
  readonly #owners = new Map<string, string>();
  #since = { state: "requesting", at: Date.now() };

  constructor(story: Story) {
    this.#story = story;
    this.model.onTicket = () => this.#reply(this.#take("tickets"));
    this.model.onReceipt = () => this.#reply(this.#take("receipts"));
    this.model.onRenew = () => this.#reply(this.#take("renewals"));
    this.model.onSocket = (socket) => this.#live(socket, this.#take("lives"));
    this.socket = new TicketSocket(this.#source(), {
      ...story.options,
      door: story.door,
      WebSocket: this.model.WebSocket as never,
    });
    this.events = record(this.socket);
    this.socket.addEventListener("statechange", () => this.#timed());
  }

  #source(): TicketSource {
    const source = ticketSource(ticketUrl, {
      bearer: () => this.#bearer(this.#take("bearers")),
      user: () => this.#user,
      fetch: this.model.fetch,
      timeout,
    });
    // If the user changes while a ticket is on its way, nobody knows whose it is.
    const next: TicketSource["next"] = async (signal) => {
      const owner = this.#user;
      const made = await source.next(signal);
      this.#owners.set(made.token, owner === this.#user ? owner : "nobody");
      return made;
    };
    return { ...source, next };
  }

  /** The next of a list, and from its end the first again. */
  #take<K extends "tickets" | "receipts" | "renewals" | "lives" | "bearers">(name: K): Story[K][number] {
    const n = this.#counts[name] ?? 0;
    this.#counts[name] = n + 1;
    return this.#story[name][n % this.#story[name].length] as Story[K][number];
  }

  #bearer(kind: Bearer): Promise<string> | string | undefined {
    const bearer = `secret-bearer-${this.bearers.length}`;
    if (this.healed || kind === "good") {
      this.bearers.push(bearer);
      return bearer;
    }
    if (kind === "hang") return new Promise(() => {});
    if (kind === "throw") throw new Error("nobody can be asked");
    if (kind === "slow") return new Promise<string>((resolve) => setTimeout(resolve, 3_000, bearer));
    return kind === "nothing" ? undefined : ({ some: "thing" } as unknown as string);
  }

  async #reply(reply: Reply): Promise<Response> {
    if (this.healed) return ticket();
    if (reply.kind === "hang") return hang();
    if (reply.after > 0) await new Promise((resolve) => setTimeout(resolve, reply.after));
    if (reply.kind === "network") return networkError();
    if (reply.kind === "good")
      return ticket({ connection_expires_at: new Date(Date.now() + reply.lives).toISOString() });
    if (reply.kind === "changed") return ticket({ [reply.field]: reply.value });
    const headers = reply.retryAfter ? { "Retry-After": reply.retryAfter } : {};
    if ([204, 304].includes(reply.status)) return new Response(null, { status: reply.status, headers });
    return reply.status === 200 && reply.body === ""
      ? json(200, {})
      : text(reply.status, reply.body, headers);
  }

  #live(socket: FakeSocket, life: Life): void {
    if (this.model.sockets.filter(({ readyState }) => readyState < 2).length > 1)
      this.faults.push("two sockets at a time");
    if (this.socket.readyState >= 2) this.faults.push("a socket after the end");
    if (this.healed) this.#heal(socket);
    else this.#misbehave(socket, life);
  }

  #misbehave(socket: FakeSocket, life: Life): void {
    if (life.how === "throw") {
      socket.readyState = 3;
      throw new DOMException(`blocked: ${socket.url}`, "SecurityError");
    }
    socket.onclosing = () => {
      if (life.answersClose) setTimeout(() => socket.serverClose(socket.closing?.code ?? 1005), 20);
    };
    socket.onsent = () => this.#answerFirst(socket, life);
    if (life.after < 0) return;
    setTimeout(() => {
      if (life.how === "refuse") return socket.serverFail();
      socket.serverOpen();
      this.#fire(socket, life);
    }, life.after);
  }

  #heal(socket: FakeSocket): void {
    socket.onsent = () =>
      queueMicrotask(() => socket.serverSend('{"type":"auth_ok","expiresAt":"2099-01-01T00:00:00Z"}'));
    queueMicrotask(() => socket.serverOpen());
  }

  #answerFirst(socket: FakeSocket, { first }: Life): void {
    if (this.#story.door !== "first_message" || socket.sent.length > 1) return;
    const texts = {
      ok: '{"type":"auth_ok","userId":"u","connectionId":"c","expiresAt":"2099-01-01T00:00:00Z"}',
      fail: '{"type":"auth_fail","code":"invalid_ticket"}',
      junk: '{"type":"auth_ok"',
    };
    if (first !== "nothing") queueMicrotask(() => socket.serverSend(texts[first]));
    if (first === "fail") queueMicrotask(() => socket.serverClose(4001));
  }

  #fire(socket: FakeSocket, { events }: Life): void {
    let at = 0;
    for (const { after, what, code, text } of events) {
      at += after;
      setTimeout(() => {
        if (what === "message") socket.serverSend(text);
        if (what === "control") socket.serverSend('{"type":"auth_ok","expiresAt":"2000-01-01T00:00:00Z"}');
        if (what === "fail") socket.serverFail();
        if (what === "close") socket.serverClose(code, text);
      }, at);
    }
  }

  /** Each state but `open` and `waiting` ends within its deadlines. */
  #timed(): void {
    const { connectTimeout = 10_000 } = this.#story.options;
    const most: Record<string, number> = { requesting: timeout, connecting: connectTimeout + timeout };
    const { state, at } = this.#since;
    if (Date.now() - at > (most[state] ?? Number.POSITIVE_INFINITY))
      this.faults.push(`${state} for ${Date.now() - at} ms`);
    this.#since = { state: this.socket.state, at: Date.now() };
  }

  /** Does what a step says. How long to wait then is its answer. */
  play(step: Step): number {
    const { page, socket } = this;
    if (step.does === "pass") return step.ms;
    if (step.does === "user") this.#user = step.name;
    else if (step.does === "send") this.#send(step.size);
    else if (step.does === "close") socket.close(step.code);
    else if (step.does === "offline" || step.does === "online") page.online(step.does === "online");
    else if (step.does === "hidden" || step.does === "visible") page.visible(step.does === "visible");
    else if (step.does === "hide") page.hide();
    else page.show();
    return 0;
  }

  #send(size: number): void {
    const { state } = this.socket;
    const text = `${this.#user}:${this.sent.length}:`.padEnd(size, "x");
    const taken = this.socket.send(text);
    if (taken) this.sent.push({ user: this.#user, text, queued: state !== "open" });
    if (["refused", "closed"].includes(state) && taken) this.faults.push("a message was taken after the end");
  }

  /** What holds at any time. */
  check(): void {
    this.#timed();
    const { model, socket } = this;
    const presented = model.presented.filter((token) => token !== undefined);
    if (new Set(presented).size !== presented.length) this.faults.push("a ticket twice");
    const { queue = 0 } = this.#story.options;
    if (socket.bufferedAmount > queue) this.faults.push("the queue is over its bound");
    this.#checkMessages();
  }

  #checkMessages(): void {
    for (const [n, { sent }] of this.model.sockets.entries()) {
      const owner = this.#owners.get(this.model.presented[n] ?? "");
      for (const text of sent.map(String)) {
        const message = this.sent.find((one) => one.text === text);
        if (message?.queued && message.user !== owner)
          this.faults.push(`${message.user}'s message was sent as ${owner}`);
      }
    }
  }
}
