// @vitest-environment happy-dom
import * as refresh from "react-refresh/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TicketSource } from "../src/index.ts";
import { House, settled } from "./react-house.ts";

// React learns of Fast Refresh as it is loaded.
refresh.injectIntoGlobalHook(globalThis);
const { StrictMode, useRef } = await import("react");
const { createRoot } = await import("react-dom/client");
const { useTicketSocket } = await import("../src/react.ts");

let h: House;
let source: TicketSource;
let box: HTMLElement;
let root: ReturnType<typeof createRoot>;

beforeEach(() => {
  h = new House();
  source = h.source("alice");
  box = document.createElement("div");
  root = createRoot(box);
});

afterEach(async () => {
  await settled(() => root.unmount());
  await h.lives(0);
});

/** Registers a version of a component, as a bundler does after each edit. */
function edited(component: () => React.ReactNode, hooks: string): () => React.ReactNode {
  refresh.createSignatureFunctionForTransform()(component, hooks);
  refresh.register(component, "Chat");
  return component;
}

const show = (Chat: () => React.ReactNode) =>
  settled(() => {
    root.render(
      <StrictMode>
        <Chat />
      </StrictMode>,
    );
  });

function First() {
  return <p>first: {useTicketSocket(source, { ...h.options }).state}</p>;
}

function Second() {
  return <p>second: {useTicketSocket(source, { ...h.options }).state}</p>;
}

function WithAnotherHook() {
  useRef(0);
  return <p>third: {useTicketSocket(source, { ...h.options }).state}</p>;
}

test("an edit of a component keeps its socket", async () => {
  await show(edited(First, "useTicketSocket"));
  await h.open();
  expect(box.textContent).toBe("first: open");
  edited(Second, "useTicketSocket");
  await settled(() => refresh.performReactRefresh());
  expect(box.textContent).toBe("second: open");
  expect([h.asked.length, h.sockets.length]).toEqual([1, 1]);
  await h.lives(1);
});

test("an edit of its hooks makes a new component with a new socket, and ends the old one", async () => {
  await show(edited(First, "useTicketSocket"));
  await h.open();
  edited(WithAnotherHook, "useRef, useTicketSocket");
  await settled(() => refresh.performReactRefresh());
  await h.open();
  expect(box.textContent).toBe("third: open");
  expect([h.asked.length, h.sockets.length]).toEqual([2, 2]);
  await h.lives(1);
});
