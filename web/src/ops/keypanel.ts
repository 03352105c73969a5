// The key: entered here, kept in memory.
import { el, put, say } from "../look/dom.ts";
import { advice, Refused, type Service } from "./service.ts";

const readOnly =
  "The page is read-only. A key with the scope read adds the live connections and the timeline of each ticket; one with revoke can also cut and revoke. It stays in the memory of this page.";

/** Makes the panel. */
export function keyPanel(service: Service): HTMLElement {
  // No password field, because a browser offers to store what is in one.
  const input = el("input", {
    id: "key",
    class: "secret mono",
    type: "text",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-describedby": "key-note",
  });
  const note = el("p", { class: "muted", id: "key-note" }, readOnly);
  const fault = el("p", { class: "fault", role: "alert" });
  const form = el(
    "form",
    { class: "row", autocomplete: "off", onsubmit: (event) => void enter(event) },
    el("label", { for: "key" }, "API key"),
    input,
    el("button", { class: "primary", type: "submit" }, "Use key"),
  );
  const held = el("div", { class: "row held", hidden: true });

  async function enter(event: Event): Promise<void> {
    event.preventDefault();
    const key = input.value.trim();
    input.value = ""; // a browser keeps what is in a field
    if (key === "") return say(fault, "Enter a key first.");
    if (!/^[A-Za-z0-9._~+/-]+=*$/.test(key))
      return say(fault, "A key has no blanks and no quotes. Paste the key alone.");
    try {
      await service.enter(key);
    } catch (error) {
      say(fault, advice(error));
      input.focus();
    }
  }

  function show(event: Event): void {
    say(fault, (event as CustomEvent<string>).detail);
    const { caller, scopes } = service.access;
    const forget = el("button", { type: "button", onclick: () => service.forget() }, "Forget key");
    const focused = form.contains(document.activeElement);
    form.hidden = caller !== "";
    held.hidden = caller === "";
    put(
      held,
      el("span", { class: "badge good" }, caller.startsWith("cert:") ? "Certificate" : "Key"),
      el("strong", {}, caller.replace(/^(key|cert):/, "")),
      el("span", { class: "muted" }, "may"),
      ...scopes.map((scope) => el("span", { class: "badge" }, scope)),
      !caller.startsWith("cert:") && forget,
    );
    if (focused && caller !== "") forget.focus();
    say(note, caller === "" ? readOnly : granted(service));
  }

  service.addEventListener("access", show);
  service.enter().catch((error: unknown) => {
    if (error instanceof Refused) say(fault, advice(error));
  });
  return el(
    "section",
    { class: "card key", "aria-labelledby": "key-title" },
    el("h2", { id: "key-title" }, "Access"),
    form,
    held,
    note,
    fault,
  );
}

function granted(service: Service): string {
  if (!service.access.allAudiences)
    return "This key is limited to audiences, and the page concerns all of them: it stays read-only.";
  if (service.may("read") && service.may("revoke"))
    return "You can see and close connections. What you do is in the log under this name.";
  if (service.may("read"))
    return "You can see connections and tickets. A key with revoke could also cut and revoke.";
  if (service.may("revoke"))
    return "Without the scope read there is no list to cut connections from. Enter a key that has both.";
  return "This key has neither the scope read nor revoke: the page stays read-only.";
}
