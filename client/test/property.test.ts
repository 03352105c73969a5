import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stories } from "./arbitraries.ts";
import { Run } from "./story.ts";
import { pass } from "./world.ts";

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** What the end of a socket is, whoever has ended it. */
async function ended(run: Run): Promise<void> {
  const { socket, events, model, page } = run;
  expect(["refused", "closed"]).toContain(socket.state);
  expect(socket.readyState).toBe(3);
  expect(events.filter(({ type }) => type === "close")).toHaveLength(1);
  expect(events.at(-1)?.type).toBe("close");
  const refused = events.filter(({ type }) => type === "refused");
  expect(refused.length).toBeLessThanOrEqual(1);
  // Nobody is refused because the page or the application has ended an attempt.
  expect(refused.map(({ why }) => why)).not.toContain("aborted");
  await socket.closed;
  await socket.ready.catch(() => {});
  const before = [events.length, model.asked.length, model.sockets.length];
  page.show();
  page.online(true);
  page.visible(true);
  socket.close();
  await pass(60_000);
  expect([events.length, model.asked.length, model.sockets.length]).toEqual(before);
  expect(page.listeners).toBe(0);
}

/** No secret in what an application sees or a log may get. */
function secretive({ socket, events, bearers }: Run): void {
  const said = inspect([events, socket, vi.mocked(console.warn).mock.calls], { depth: 8, getters: true });
  expect(said).not.toMatch(/wst1_/);
  for (const bearer of bearers) expect(said).not.toContain(bearer);
}

test("whatever the service, the page and the user do", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(stories, async (story) => {
      const run = new Run(story);
      for (const step of story.steps) {
        await pass(run.play(step));
        run.check();
        expect(run.faults).toEqual([]);
      }
      // From here on, the service works and the page is in front: it is open, or it has ended.
      run.healed = true;
      run.page.show();
      run.page.online(true);
      run.page.visible(true);
      await pass(330_000);
      run.check();
      expect(run.faults).toEqual([]);
      if (run.socket.readyState < 2) expect(run.socket.state).toBe("open");
      run.socket.close();
      await pass(10_000);
      await ended(run);
      secretive(run);
    }),
    { numRuns: 1_000 },
  );
});
