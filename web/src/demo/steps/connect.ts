import { el } from "../../look/dom.ts";
import { clock } from "../../look/format.ts";
import type { End, Opened } from "../connection.ts";
import { isHandshake } from "../lines.ts";
import { code, facts, Step, wordsOf } from "../step.ts";
import type { Tour } from "../tour.ts";
import { addressOf, type Door } from "../trial.ts";

const ways: Record<Door, string> = {
  query: "with the ticket in the URL",
  subprotocol: "with the ticket as a subprotocol: the URL has nothing",
  first_message: "with the ticket in the first message: URL and headers have nothing",
  cookie: "by the session cookie, which the browser sends by itself: there was no ticket",
};

/** Connect by each door. */
export function connectStep(tour: Tour): Step {
  const { connection } = tour;
  const question = "What is in the URL, and whom does the application see?";
  const step = new Step("connect", question);
  offerDoors(step, tour);
  const show = () => {
    if (connection.opened) showOpened(step, tour, connection.opened);
    else step.rest(question);
    if (connection.end) step.say(ended(connection.end), "bad");
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

/** Lets the visitor choose among the doors that are open. */
function offerDoors(step: Step, { connection, settings }: Tour): void {
  for (const choice of step.root.querySelectorAll<HTMLInputElement>("input")) {
    choice.disabled = !settings.doors.includes(choice.value as Door);
    choice.checked = choice.value === connection.door;
    if (choice.disabled) choice.parentElement?.append(" (closed by ws.doors)");
  }
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
        ticket &&
        `${clock(new Date(ticket.connectionExpiresAt))}, with the bearer, unless the client renews it`,
    }),
  );
}

function ended({ code, reason, again }: End): string {
  if (again) return `The connection was lost: ${code} ${reason}. The client comes back by itself.`;
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
