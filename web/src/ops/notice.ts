// What stands in the place of data that are not there.
import { type Child, el } from "../look/dom.ts";

/** A panel that says why there is nothing, and what to do. */
export function notice(
  kind: "empty" | "locked" | "fault" | "loading",
  title: string,
  text = "",
  ...more: Child[]
): HTMLElement {
  return el(
    "div",
    { class: `notice ${kind}` },
    el("p", { class: "title" }, title),
    text !== "" && el("p", { class: "muted" }, text),
    ...more,
  );
}

/** The panel of what needs a key. */
export function locked(
  what: string,
  scope: "read" | "revoke",
  caller: string,
  allAudiences: boolean,
): HTMLElement {
  if (caller === "")
    return notice(
      "locked",
      `${what} need a key`,
      `Enter one with the scope ${scope} at the top of this page.`,
    );
  if (!allAudiences) {
    return notice(
      "locked",
      `The key ${caller} is limited to audiences`,
      `${what} concern all of them: enter a key without audiences.`,
    );
  }
  return notice(
    "locked",
    `The key ${caller} lacks the scope ${scope}`,
    "Add it to the key in internal.api_keys, or enter another key.",
  );
}
