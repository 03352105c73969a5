import { el } from "../../look/dom.ts";
import { age } from "../../look/format.ts";
import { left } from "../clock.ts";
import { hasOpened } from "../lines.ts";
import { Step } from "../step.ts";
import type { Tour } from "../tour.ts";

/** What the access log saw, beside what it would have seen with a token in the URL. */
export function logsStep(tour: Tour): Step {
  const { connection, log } = tour;
  const step = new Step("logs", "Which of the lines would you like to have in your log?");
  step.on(async () => {
    const { ticket } = await connection.present();
    const id = ticket?.id ?? connection.greeting?.connectionId ?? "";
    const line = await log.find((fields) => hasOpened(fields, id));
    step.say("The same connection, in three logs.", "good");
    step.show(
      el(
        "div",
        { class: "logs" },
        written(line?.text),
        ticket && proxied(tour.settings.path, ticket.query),
        leaked(tour),
      ),
    );
    step.finish();
  });
  return step;
}

function written(text: string | undefined): HTMLElement {
  return card(
    "good",
    "wsticket, this connection",
    text ?? "(nothing: see --set log.level)",
    "An ID, and nothing to steal. The query is never logged.",
  );
}

function proxied(path: string, query: string): HTMLElement {
  return card(
    "warn",
    "A proxy, ticket in the URL",
    entry(`${path}?`, el("mark", {}, query)),
    "Spent. It is of no use to anybody who reads it, as the next step shows.",
  );
}

function leaked({ visitor, settings }: Tour): HTMLElement {
  const { text, length } = visitor.excerpt;
  return card(
    "bad",
    "A proxy, token in the URL",
    entry(`${settings.path}?access_token=`, el("mark", {}, `${text}… (${length} characters)`)),
    `Valid for ${age(left(visitor.endsAt))} for anybody who reads this, as often as they like.`,
  );
}

/** Makes an entry as most servers and proxies write it: the combined log format. */
function entry(path: string, secret: HTMLElement): HTMLElement {
  const [, day, month, year, time] = /(\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date().toUTCString()) ?? [];
  return el(
    "span",
    {},
    `127.0.0.1 - - [${day}/${month}/${year}:${time} +0000] "GET ${path}`,
    secret,
    ' HTTP/1.1" 101',
  );
}

function card(mood: string, title: string, line: Node | string, verdict: string): HTMLElement {
  return el(
    "figure",
    { class: "log", "data-mood": mood },
    el("figcaption", {}, title),
    el("pre", { class: "line" }, line),
    el("p", { class: "verdict" }, verdict),
  );
}
