import { expect, test } from "vitest";
import { networkError, ticket } from "./model.ts";
import { pass, worlds } from "./world.ts";

const world = worlds();
test("without a queue, nothing is kept", async () => {
  const { socket } = world().socket();
  expect(socket.send("early")).toBe(false);
  await pass();
  expect(world().model.last.sent).toEqual([]);
});

test("what is queued is sent when it is open, in its order, before anything later", async () => {
  const { socket } = world().socket({ queue: 100 }, world().source({ user: () => "alice" }));
  socket.addEventListener("open", () => socket.send("3"));
  expect(socket.send("1")).toBe(true);
  expect(socket.send("2")).toBe(true);
  await pass();
  expect(world().model.last.sent).toEqual(["1", "2", "3"]);
  expect(socket.bufferedAmount).toBe(0);
});

test("its bound is in bytes, of every kind of message", async () => {
  world().model.onTicket = networkError;
  const { socket } = world().socket({ queue: 10 }, world().source({ user: () => "alice" }));
  expect(socket.send("☃☃")).toBe(true);
  expect(socket.bufferedAmount).toBe(6);
  expect(socket.send("☃☃")).toBe(false);
  expect(socket.send(new Uint8Array(2))).toBe(true);
  expect(socket.send(new ArrayBuffer(1))).toBe(true);
  expect(socket.send(new Blob(["xy"]))).toBe(false);
  expect(socket.send(new Blob(["x"]))).toBe(true);
  expect(socket.bufferedAmount).toBe(10);
  expect(socket.send("x")).toBe(false);
});

test("a message is not sent for another user than the one who has written it", async () => {
  const { model } = world();
  let user = "alice";
  const { socket } = world().socket(
    { queue: 100, backoff: { base: 10, max: 10 } },
    world().source({ user: () => user }),
  );
  await pass();
  model.onTicket = networkError;
  model.last.serverClose(1011);
  await pass();
  expect(socket.send("alice's")).toBe(true);
  user = "bob";
  model.onTicket = () => ticket();
  await pass(100);
  expect(socket.state).toBe("open");
  expect(model.last.sent).toEqual([]);
  expect(socket.bufferedAmount).toBe(0);
});

test("a user who changes while the ticket is on its way gets nothing of the other one", async () => {
  const { model } = world();
  let user = "alice";
  let answer = () => {};
  model.onTicket = () =>
    new Promise((resolve) => {
      answer = () => resolve(ticket());
    });
  const source = world().source({ bearer: () => "opaque", user: () => user });
  const { socket } = world().socket({ queue: 100 }, source);
  await pass();
  // The ticket that is on its way is alice's.
  user = "bob";
  expect(socket.send("bob's")).toBe(true);
  answer();
  await pass();
  expect(socket.state).toBe("open");
  expect(model.last.sent).toEqual([]);
});

test("what cannot be told to be anybody's is not taken", async () => {
  const { socket } = world().socket({ queue: 100 });
  expect(socket.send("whose?")).toBe(false);
  await pass();
  expect(world().model.last.sent).toEqual([]);
});
