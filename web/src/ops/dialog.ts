// Asks before something is done, and shows what came of it.
import { type Child, el, put, say } from "../look/dom.ts";
import { advice } from "./service.ts";

/** What is to be confirmed. */
export interface Question {
  title: string;
  /** What will happen. */
  body: Child[];
  /** The word on the button that does it. */
  action: string;
  /** Does it. What it returns is shown; a rejection is shown as a failure, and may be tried again. */
  run(): Promise<string>;
  /** Called when the dialog is closed after it was done. */
  done?(): void;
}

/** Opens the dialog. The focus goes back to where it was. */
export function confirm({ title, body, action, run, done }: Question): void {
  const before = document.activeElement;
  const heading = el("h2", { id: "dialog-title" }, title);
  const answer = el("p", { class: "answer", role: "status" });
  const fault = el("p", { class: "fault", role: "alert" });
  const go = el("button", { type: "submit", class: "danger solid" }, action);
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const content = el("div", { class: "stack" }, ...body);
  let succeeded = false;

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    go.disabled = true;
    say(fault, "");
    try {
      const text = await run();
      succeeded = true;
      put(content);
      say(heading, title.replace("?", ""));
      say(answer, text);
      go.remove();
      say(close, "Close");
      close.focus();
    } catch (error) {
      say(fault, advice(error));
      go.disabled = false;
      go.focus();
    }
  }

  const dialog = el(
    "dialog",
    {
      "aria-labelledby": "dialog-title",
      onclose: () => {
        dialog.remove();
        if (before instanceof HTMLElement && before.isConnected) before.focus();
        if (succeeded) done?.();
      },
    },
    el(
      "form",
      { class: "stack", autocomplete: "off", onsubmit: (event) => void submit(event) },
      heading,
      content,
      answer,
      fault,
      el("div", { class: "row end" }, close, go),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
