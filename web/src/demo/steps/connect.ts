import { el } from "../../look/dom.ts";
import { clock } from "../../look/format.ts";
import type { Door, End, Opened } from "../connection.ts";
import { isHandshake } from "../lines.ts";
import { code, facts, Step, wordsOf } from "../step.ts";
import type { Tour } from "../tour.ts";
import { addressOf } from "../trial.ts";

const ways: Record<Door, string> = {
  query: "with the ticket in the URL",
  subprotocol: "with the ticket as a subprotocol: the URL has nothing",
  first_message: "with the ticket in the first message: URL and headers have nothing",
  cookie: "by the session cookie, which the browser sends by itself: there was no ticket",
};

/** Connect by each door. */
export function connectStep(tour: Tour): Step {
  const { connection } = tour;
  const step = new Step("connect", "What is in the URL, and whom does the application see?");
  const show = () => {
    if (connection.opened) showOpened(step, tour, connection.opened);
    else if (connection.end) step.say(ended(connection.end), "bad");
  };
  step.on(async () => {
    const door = step.part<HTMLInputElement>("input:checked").value as Door;
    const seen = tour.log.last;
    try {
      await connection.open(door);
    } catch (error) {
      await showRefusal(step, tour, error as End, seen);
    }
  });
  connection.addEventListener("change", () => {
    show();
    if (connection.opened) step.finish();
  });
  return step;
}

function showOpened(step: Step, { connection, settings }: Tour, { door, ticket }: Opened): void {
  const user = connection.greeting?.userId;
  step.say(`Connected ${ways[door]}.`, "good");
  step.show(
    facts({
      URL: code(door === "query" && ticket?.url ? ticket.url : addressOf(settings)),
      "Your application": user && el("span", {}, "knows that you are ", el("strong", {}, user)),
      Connection: connection.greeting && code(connection.greeting.connectionId),
      "Ends at":
        ticket && `${clock(new Date(ticket.connectionExpiresAt))}, with the bearer, unless it is renewed`,
    }),
  );
}

function ended({ code, reason }: End): string {
  return code === 4003
    ? `wsticket has closed the connection: ${code}, ${reason}.`
    : `The connection has ended: ${code} ${reason}`;
}

/** Shows why there is no connection: as the receipt says it, or else the log. */
async function showRefusal(step: Step, { log }: Tour, end: End, seen: number): Promise<void> {
  step.say(wordsOf(end), "bad");
  step.show();
  if (end.code !== 1006) return;
  const line = await log.find((fields) => isHandshake(fields) && Number(fields["status"]) >= 400, seen);
  if (line) step.show(el("p", {}, "The log says why:"), el("pre", { class: "line" }, line.text));
}
