import { el } from "../../look/dom.ts";
import type { Connection, End } from "../connection.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { signOut } from "../trial.ts";
import type { Visitor } from "../visitor.ts";

/** Two tabs, and one sign-out that ends both. */
export function signOutStep({ visitor, connection }: Tour): Step {
  const step = new Step("sign-out", "How long does the other tab stay connected?");
  const back = el("button", { type: "button" });
  let name = "";
  const leave = (text: string, ...shown: HTMLElement[]) => {
    step.say(text, "good");
    step.show(...shown, back);
    if (document.activeElement === step.main || document.activeElement === document.body)
      back.focus({ preventScroll: true }); // the button that had it is off
  };
  offerTab(step, visitor);
  visitor.addEventListener("change", () => {
    if (visitor.name && step.root.contains(back)) step.rest("Signed in again.");
    name = visitor.name || name;
    back.textContent = `Sign in again as ${name}`;
  });
  step.on(async () => {
    await connection.present().catch(() => {}); // without one there is less to see
    const { opened } = connection;
    await signOut(name);
    if (!opened) {
      leave("Signed out. This tab had no connection.");
      visitor.leave();
    }
    step.finish();
  });
  step.on(() => visitor.signIn(name), back);
  connection.addEventListener("change", () => {
    if (connection.end?.code !== 4003) return;
    leave("Signed out. The connection was closed at once.", how(connection.end));
  });
  void step.run(() => comeAsSecondTab(step, visitor, connection));
  return step;
}

/** Keeps the link to the second tab, which is for the user who is signed in. */
function offerTab(step: Step, visitor: Visitor): void {
  const tab = step.part<HTMLAnchorElement>('[data-action="tab"]');
  visitor.addEventListener("change", () => {
    tab.href = `#as=${encodeURIComponent(visitor.name)}`;
    tab.hidden = !visitor.name;
  });
}

/** Shows how the connection has ended. */
function how({ code, reason }: End): HTMLElement {
  return facts({
    "Close code": `${code}`,
    Reason: reason,
    "The client": "stops: to try again would not help",
  });
}

/** Connects at once where another tab has opened this one. The address names the user, which is no secret. */
async function comeAsSecondTab(step: Step, visitor: Visitor, connection: Connection): Promise<void> {
  const name = new URLSearchParams(location.hash.slice(1)).get("as");
  if (!name) return;
  await visitor.signIn(name);
  await connection.present();
  step.rest(`This is the second tab, connected as ${name}. Put it beside the first one, and sign out there.`);
  step.root.scrollIntoView({ block: "center" });
}
