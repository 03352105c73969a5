import { age } from "../../look/format.ts";
import { code, facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";

/** Sign in as somebody. */
export function signInStep({ settings, visitor }: Tour): Step {
  const step = new Step("sign-in", "Nobody is signed in.");
  const name = step.part<HTMLInputElement>("input");
  step.on(() => visitor.signIn(name.value.trim()));
  visitor.addEventListener("change", () => {
    if (!visitor.name) {
      step.rest("Nobody is signed in.");
      return;
    }
    const { text, length } = visitor.excerpt;
    if (document.activeElement !== name) name.value = visitor.name; // nobody is typing
    step.say(`You are ${visitor.name}, and this page has your bearer.`, "good");
    step.show(
      facts({
        Bearer: code(`${text}…`),
        "Good for": `${age(settings.seconds)}, for anybody who has it`,
        Kept: `in memory, all ${length} characters: never in a URL, in storage or in a log`,
      }),
    );
    step.finish();
  });
  return step;
}
