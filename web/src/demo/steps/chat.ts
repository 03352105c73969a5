import { el } from "../../look/dom.ts";
import { Step } from "../step.ts";
import type { Tour } from "../tour.ts";

const kept = 6; // messages

/** Chat through the application. */
export function chatStep({ connection }: Tour): Step {
  const step = new Step("chat", "Does it answer?");
  const field = step.part<HTMLInputElement>("input");
  const list = el("ol", { class: "chat" });
  const add = (who: string, text: string) => {
    list.append(el("li", { "data-who": who }, el("span", { class: "who" }, who), el("span", {}, text)));
    while (list.children.length > kept) list.firstElementChild?.remove();
    step.show(list);
  };
  step.on(async () => {
    await connection.present();
    add("You", field.value);
    connection.send(field.value);
    field.select();
  });
  connection.addEventListener("message", (event) => {
    const { data } = event as MessageEvent<string>;
    add("Application", data);
    step.say(`The application says: ${data}`, "good");
    step.finish();
  });
  return step;
}
