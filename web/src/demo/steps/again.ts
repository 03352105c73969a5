import type { Receipt, Ticket } from "../../../../client/src/index.ts";
import { clock } from "../../look/format.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";
import { present, type Settings } from "../trial.ts";

/** Present a spent ticket again, and read its receipt. */
export function againStep({ settings, visitor, connection }: Tour): Step {
  const step = new Step("again", "What does the thief get?");
  step.on(async () => {
    const used = connection.opened?.ticket ?? (await connection.open(connection.ticketDoor)).ticket;
    if (!used) return;
    const seen = await presentAgain(used, settings);
    const receipt = await visitor.source.receipt(used.id);
    if (seen === undefined) step.say("It was let in, which must not happen.", "bad");
    else step.say("Refused: the ticket was used before.", "good");
    step.show(
      facts({
        "The thief sees": seen && `${seen}, and nothing more`,
        "The receipt": `${receipt.state}${timeOf(receipt)}, then presented again (${receipt.reason ?? "unknown"})`,
        "Your connection": connection.opened ? "is open, as before" : "has ended",
      }),
    );
    step.finish();
  });
  return step;
}

/** Returns when the ticket was used. */
function timeOf({ at }: Receipt): string {
  return at ? ` at ${clock(new Date(at))}` : "";
}

/** Presents a ticket that was used, and returns what the thief sees; undefined if it is let in. */
async function presentAgain({ token, url = "" }: Ticket, { doors }: Settings): Promise<string | undefined> {
  if (doors.includes("query")) {
    const code = await closeCodeOf(url);
    return code === undefined ? code : `the browser's close code ${code}`;
  }
  const [attempt] = await present(token, 1);
  return attempt?.status === 101 ? undefined : `${attempt?.status}`;
}

/** Opens a URL as anybody would, and returns how it ends; undefined if it is let in. */
function closeCodeOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    const letIn = () => {
      resolve(undefined);
      socket.close();
    };
    socket.onclose = ({ code }) => resolve(code);
    socket.onmessage = letIn;
    // With ws.accept_then_close it is closed behind the handshake.
    socket.onopen = () => setTimeout(letIn, 1000);
  });
}
