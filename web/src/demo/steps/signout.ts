import { el } from "../../look/dom.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { signOut } from "../trial.ts";

/** Two tabs, and one sign-out that ends both. */
export function signOutStep({ visitor, connection }: Tour): Step {
  const step = new Step("sign-out", "How long does the other tab stay connected?");
  const tab = step.part<HTMLAnchorElement>('[data-action="tab"]');
  const back = el("button", { type: "button" });
  let name = "";
  let inside = false;
  visitor.addEventListener("change", () => {
    name = visitor.name || name;
    tab.href = `#as=${encodeURIComponent(name)}`;
    tab.hidden = !visitor.name;
    back.textContent = `Sign in again as ${name}`;
    if (visitor.name && !inside && step.done) step.rest("Signed in again.");
    inside = !!visitor.name;
  });
  step.on(async () => {
    await connection.present().catch(() => {}); // without one there is less to see
    const { opened } = connection;
    await signOut(name);
    if (!opened) {
      visitor.leave();
      step.say("Signed out. This tab had no connection.", "good");
      step.show(back);
    }
    back.focus(); // the button that had it is off
    step.finish();
  });
  step.on(() => visitor.signIn(name), back);
  connection.addEventListener("change", () => {
    if (connection.end?.code !== 4003) return;
    step.say("Signed out. The connection was closed at once.", "good");
    step.show(
      facts({
        "Close code": `${connection.end.code}`,
        Reason: connection.end.reason,
        "The client": "stops: to try again would not help",
      }),
      back,
    );
  });
  return step;
}
