// @vitest-environment happy-dom
import { Activity, StrictMode } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type TicketSocketView, useTicketSocket } from "../src/react.ts";
import { hang, problem } from "./model.ts";
import { House, patience, settled } from "./react-house.ts";

type Source = Parameters<typeof useTicketSocket>[0];

let h: House;
let box: HTMLElement;
let root: Root;
let seen: TicketSocketView[];

beforeEach(() => {
  h = new House();
  seen = [];
  box = document.createElement("div");
  root = createRoot(box);
});

afterEach(async () => {
  await settled(() => root.unmount());
  await h.lives(0);
});

function Chat({ source }: { source: Source }) {
  const view = useTicketSocket(source, { ...h.options });
  seen.push(view);
  return <p>{view.state}</p>;
}

function Wrong() {
  return <p>{useTicketSocket(h.source("alice"), h.options).state}</p>;
}

const render = (node: React.ReactNode) => settled(() => root.render(node));

test("one ticket and one socket under StrictMode", async () => {
  const source = h.source("alice");
  await render(
    <StrictMode>
      <Chat source={source} />
    </StrictMode>,
  );
  await h.open();
  expect(h.asked).toEqual(["alice"]);
  expect(h.sockets).toHaveLength(1);
  expect(box.textContent).toBe("open");
  expect(new Set(seen.map(({ socket }) => socket)).size, "undefined, then the socket").toBe(2);
  expect(seen.at(-1)?.why).toBeUndefined();
});

test("renders again keep the socket, with new options, too", async () => {
  const source = h.source("alice");
  await render(<Chat source={source} />);
  await h.open();
  await render(<Chat source={source} />);
  expect(h.sockets).toHaveLength(1);
  expect(box.textContent).toBe("open");
});

test("the connection ends with the component", async () => {
  await render(<Chat source={h.source("alice")} />);
  await h.open();
  await render(null);
  await h.lives(0);
  expect(seen.at(-1)?.socket?.state).toBe("closed");
});

test("a component that goes while a ticket is asked for opens nothing", async () => {
  h.model.onTicket = hang;
  await render(<Chat source={h.source("alice")} />);
  await render(null);
  await vi.waitFor(() => expect(h.model.aborted).toBe(1), patience);
  await settled();
  expect([h.asked.length, h.sockets.length]).toEqual([1, 0]);
});

test("another source ends the connection, and its socket is not shown", async () => {
  const [alice, bob] = [h.source("alice"), h.source("bob")];
  await render(<Chat source={alice} />);
  await h.open();
  const first = seen.at(-1)?.socket;
  const rendered = seen.length;
  await render(<Chat source={bob} />);
  expect(seen.slice(rendered).every(({ socket }) => socket !== first)).toBe(true);
  await h.open();
  await h.lives(1);
  expect(h.asked).toEqual(["alice", "bob"]);
  expect([first?.state, box.textContent]).toEqual(["closed", "open"]);
});

test("without a source there is no connection, and with one again there is a new one", async () => {
  const source = h.source("alice");
  await render(<Chat source={undefined} />);
  expect([h.asked.length, box.textContent]).toEqual([0, "closed"]);
  await render(<Chat source={source} />);
  await h.open();
  await render(<Chat source={false} />);
  await h.lives(0);
  expect(box.textContent).toBe("closed");
  await render(<Chat source={source} />);
  await h.open();
  expect([h.asked.length, box.textContent]).toEqual([2, "open"]);
});

test("each component has a socket of its own", async () => {
  const source = h.source("alice");
  await render([<Chat key="a" source={source} />, <Chat key="b" source={source} />]);
  await h.lives(2);
  await render([<Chat key="b" source={source} />]);
  await h.lives(1);
});

test("a component that is hidden has no connection, and a new one when it is shown", async () => {
  const source = h.source("alice");
  const page = (mode: "visible" | "hidden") => (
    <StrictMode>
      <Activity mode={mode}>
        <Chat source={source} />
      </Activity>
    </StrictMode>
  );
  await render(page("visible"));
  await h.open();
  await render(page("hidden"));
  await h.lives(0);
  await render(page("visible"));
  await h.open();
  expect([h.asked.length, box.textContent]).toEqual([2, "open"]);
});

test("a refused ticket is a state with a reason", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  h.model.onTicket = () => problem(403, "insufficient_scope");
  await render(<Chat source={h.source("alice")} />);
  await vi.waitFor(() => expect(box.textContent).toBe("refused"), patience);
  expect(seen.at(-1)?.why).toBe("insufficient_scope");
  expect([h.asked.length, h.sockets.length]).toEqual([1, 0]);
  warned.mockRestore();
});

test("a source that is made in each render is an error, and asks for no ticket", async () => {
  await expect(render(<Wrong />)).rejects.toThrow();
  expect(box.textContent).toBe("");
  await settled();
  expect(h.asked).toEqual([]);
});

test("a server renders the first state and asks for nothing; the browser goes on from it", async () => {
  const source = h.source("alice");
  const page = <Chat source={source} />;
  const served = document.createElement("div");
  served.innerHTML = renderToString(page);
  expect(served.textContent).toBe("requesting");
  expect(seen.every(({ socket }) => socket === undefined)).toBe(true);
  await settled();
  expect(h.asked).toEqual([]);

  const mended = vi.fn();
  await settled(() => {
    root = hydrateRoot(served, page, { onRecoverableError: mended });
  });
  await h.open();
  expect(mended).not.toHaveBeenCalled();
  expect([h.asked.length, served.textContent]).toEqual([1, "open"]);
});
