import { describe, expect, test, vi } from "vitest";
import { type BearerRequest, TicketError, ticketSource } from "../src/index.ts";
import { failure } from "./failure.ts";
import { hang, json, networkError, problem, ticket, ticketUrl } from "./model.ts";
import { pass, worlds } from "./world.ts";

const world = worlds();
type Callback = (request: BearerRequest) => string | Promise<string>;

/** A callback that notes why it was called. */
function noting(answer: (n: number) => string | Promise<string> = () => "a-bearer") {
  const requests: BearerRequest[] = [];
  const bearer: Callback = (request) => {
    requests.push(request);
    return answer(requests.length);
  };
  return { bearer, requests, reasons: () => requests.map(({ reason }) => reason) };
}
const bearers = () => world().model.ticketRequests.map(({ headers }) => headers.get("Authorization"));

describe("a bearer that is refused", () => {
  test("is replaced by a fresh one, once", async () => {
    const { model } = world();
    let refusals = 1;
    model.onTicket = () => (refusals-- > 0 ? problem(401, "invalid_token") : ticket());
    const { bearer, reasons } = noting((n) => `bearer-${n}`);
    await world().source({ bearer }).next();
    expect(reasons()).toEqual(["connect", "rejected"]);
    expect(bearers()).toEqual(["Bearer bearer-1", "Bearer bearer-2"]);
  });

  test("again, after a fresh one, is the end", async () => {
    world().model.onTicket = () => problem(401, "invalid_token");
    const { bearer, reasons } = noting();
    expect(await failure(world().source({ bearer }).next())).toMatchObject({ action: "stop", status: 401 });
    expect(reasons()).toEqual(["connect", "rejected"]);
  });

  test("by all sockets at the same time asks for one fresh one", async () => {
    const { model } = world();
    const first = new Set<string>();
    model.onTicket = ({ headers }) => {
      const bearer = headers.get("Authorization") ?? "";
      return bearer.endsWith("old") ? problem(401, "invalid_token") : ticket();
    };
    const { bearer, requests, reasons } = noting();
    const fresh = vi.fn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return "new";
    });
    const source = world().source({
      bearer: (request) => {
        bearer(request);
        return request.reason === "rejected" ? fresh() : "old";
      },
    });
    const all = Promise.all(Array.from({ length: 10 }, () => source.next()));
    await pass(1_000);
    for (const { token } of await all) first.add(token);
    expect(first.size).toBe(10);
    expect(fresh).toHaveBeenCalledTimes(1);
    expect(reasons().filter((reason) => reason === "rejected")).toHaveLength(1);
    expect(requests).toHaveLength(11);
  });

  test("has a deadline of its own where the one who asked first leaves", async () => {
    const { model } = world();
    model.onTicket = () => problem(401, "invalid_token");
    const { bearer } = noting((n) => (n === 1 || n === 2 ? "old" : new Promise<string>(() => {})));
    const source = world().source({ bearer, timeout: 5_000 });
    const controller = new AbortController();
    const first = failure(source.next(controller.signal));
    const second = failure(source.next());
    await pass(100);
    controller.abort();
    await pass(100);
    expect(await first).toMatchObject({ reason: "aborted" });
    await pass(5_000);
    expect(await second).toMatchObject({ reason: "timeout" });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("with cookies alone: 401 is the end at once", async () => {
    const { model } = world();
    model.onTicket = () => problem(401, "missing_credential");
    const { fetch } = model;
    const { socket } = world().socket({}, ticketSource(ticketUrl, { fetch }));
    await pass();
    expect(socket.state).toBe("refused");
    expect(model.ticketRequests).toHaveLength(1);
  });
});

test("a bearer that is over is asked for afresh once, and then as before", async () => {
  const { model } = world();
  const { bearer, reasons } = noting();
  const { socket } = world().socket({ backoff: { base: 10, max: 10 } }, world().source({ bearer }));
  for (const code of [4008, 1011, 1011]) {
    await pass(1_000);
    expect(socket.state).toBe("open");
    model.last.serverClose(code);
  }
  await pass(1_000);
  expect(reasons()).toEqual(["connect", "rejected", "connect", "connect"]);
});

describe("a callback", () => {
  const ends: [string, unknown, string, string][] = [
    ["returns undefined", undefined, "signed_out", "stop"],
    ["returns null", null, "signed_out", "stop"],
    ["returns an empty text", "", "signed_out", "stop"],
    ["returns a header injection", "a\r\nX-Evil: 1", "bad_bearer", "stop"],
    ["returns a text with spaces", "Bearer abc", "bad_bearer", "stop"],
    ["returns other letters", "Zoë", "bad_bearer", "stop"],
    ["returns an object", { token: "a" }, "bad_bearer", "stop"],
  ];
  test.each(ends)("that %s asks for nothing, and stops", async (_, value, reason, action) => {
    const source = world().source({ bearer: () => value as string });
    expect(await failure(source.next())).toMatchObject({ reason, action });
    expect(world().model.asked).toHaveLength(0);
  });

  const thrown = new Error("the identity provider is away");
  test.each([
    [
      "throws",
      () => {
        throw thrown;
      },
    ],
    ["rejects", () => Promise.reject(thrown)],
    ["rejects with nothing", () => Promise.reject()],
  ] as [string, () => Promise<string>][])("that %s is called again after a pause", async (_, callback) => {
    let calls = 0;
    const { socket, events } = world().socket(
      { backoff: { base: 100, max: 100 } },
      world().source({ bearer: () => (++calls < 3 ? callback() : "a-bearer") }),
    );
    await pass(1_000);
    expect(socket.state).toBe("open");
    expect(calls).toBe(3);
    expect(events.filter(({ type }) => type === "reconnecting").map(({ why }) => why)).toEqual([
      "bearer_failed",
      "bearer_failed",
    ]);
  });

  test("can end it all with a TicketError", async () => {
    const bearer = () => {
      throw new TicketError("session_over", "stop");
    };
    const { socket, events } = world().socket({}, world().source({ bearer }));
    await pass();
    expect(socket.state).toBe("refused");
    expect(events.find(({ type }) => type === "refused")).toMatchObject({ why: "session_over" });
  });

  test("that hangs is called again after the deadline, and told that nobody waits", async () => {
    const { bearer, requests } = noting((n) => (n === 1 ? new Promise<string>(() => {}) : "a-bearer"));
    const { socket } = world().socket(
      { backoff: { base: 10, max: 10 } },
      world().source({ bearer, timeout: 1_000 }),
    );
    await pass(999);
    expect(requests[0]?.signal.aborted).toBe(false);
    await pass(1_000);
    expect(requests[0]?.signal.aborted).toBe(true);
    expect(socket.state).toBe("open");
  });

  test("that answers after its deadline changes nothing", async () => {
    let late: (bearer: string) => void = () => {};
    const { bearer } = noting((n) =>
      n === 1
        ? new Promise<string>((resolve) => {
            late = resolve;
          })
        : new Promise<string>(() => {}),
    );
    world().socket({}, world().source({ bearer, timeout: 1_000 }));
    await pass(1_500);
    late("too-late");
    await pass(100);
    expect(world().model.ticketRequests).toHaveLength(0);
  });
});

test("whether anybody is there is asked without the bearer", async () => {
  const { model } = world();
  model.onTicket = networkError;
  model.onProbe = () => json(200, {});
  expect(await failure(world().source().next())).toMatchObject({ reason: "cors", action: "retry" });
  const [probe] = model.asked.filter(({ init }) => init.mode === "no-cors");
  expect(probe?.headers.has("Authorization")).toBe(false);
  expect(probe?.method).toBe("GET");
});

test("a page whose origin is not allowed stops after a few times", async () => {
  const { model } = world();
  model.onTicket = networkError;
  model.onProbe = () => json(200, {});
  const { socket, events } = world().socket();
  await pass(3600_000);
  expect(socket.state).toBe("refused");
  expect(events.find(({ type }) => type === "refused")).toMatchObject({ why: "cors" });
  expect(model.ticketRequests.length).toBeLessThanOrEqual(10);
});

test("once an answer was read, a failing network is nothing but that", async () => {
  const { model } = world();
  model.onProbe = () => json(200, {});
  const { socket, events } = world().socket();
  await pass();
  model.onTicket = networkError;
  model.last.serverClose(1011);
  await pass(3600_000);
  expect(socket.state).not.toBe("refused");
  expect(
    events
      .filter(({ type }) => type === "reconnecting")
      .slice(1)
      .every(({ why }) => why === "network"),
  ).toBe(true);
});

test("the question whether anybody is there has the deadline of the request", async () => {
  const { model } = world();
  model.onTicket = networkError;
  model.onProbe = hang;
  const { socket, events } = world().socket({}, world().source({ timeout: 1_000 }));
  await pass(999);
  expect(socket.state).toBe("requesting");
  await pass(1);
  expect(events.at(-1)).toMatchObject({ type: "reconnecting", why: "timeout" });
});
