import { el } from "../../look/dom.ts";
import type { Connection } from "../connection.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { signOut } from "../trial.ts";
import type { Visitor } from "../visitor.ts";

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
  void step.run(() => comeAsSecondTab(step, visitor, connection));
  return step;
}

/** Connects at once where another tab has opened this one. The address names the user, which is no secret. */
async function comeAsSecondTab(step: Step, visitor: Visitor, connection: Connection): Promise<void> {
  const name = new URLSearchParams(location.hash.slice(1)).get("as");
  if (!name) return;
  await visitor.signIn(name);
  await connection.open("query");
  step.rest(`This is the second tab, connected as ${name}. Put it beside the first one, and sign out there.`);
  step.root.scrollIntoView({ block: "center" });
}
