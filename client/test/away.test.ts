import { expect, test, vi } from "vitest";
import { type CloseEventLike, ticketSource, ticketWebSocket } from "../src/index.ts";

test("a library may come back where the page was put away while its ticket was on its way", async () => {
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  const warn = vi.spyOn(console, "warn");
  let asked: () => void = () => {};
  const asking = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const source = ticketSource("https://api.example.com/ws-ticket", {
    bearer: () => "a.b.c",
    fetch: () => {
      asked();
      return new Promise(() => {});
    },
  });
  const LibrarySocket = class extends ticketWebSocket(source) {};
  const socket = new LibrarySocket("wss://api.example.com/ws");
  const refused = vi.fn();
  socket.addEventListener("refused" as never, refused);
  const closed = new Promise<CloseEventLike>((resolve) => socket.addEventListener("close", resolve));
  await asking;
  page.dispatchEvent(new Event("pagehide"));
  const event = await closed;
  expect(event.code).toBe(1006);
  expect(source.shouldRetry(event)).toBe(true);
  expect(refused).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});
