import type { Receipt } from "../../../../client/src/index.ts";
import { clock } from "../../look/format.ts";
import { facts, Step } from "../step.ts";
import type { Tour } from "../tour.ts";

/** Present a spent ticket again, and read its receipt. */
export function againStep({ visitor, connection }: Tour): Step {
  const step = new Step("again", "What does the thief get?");
  step.on(async () => {
    if (!connection.opened?.ticket)
      await connection.open(connection.door === "cookie" ? "query" : connection.door);
    const ticket = visitor.handed;
    if (!ticket?.url) throw new Error("The ticket has no URL of its own: see ws.path.");
    const code = await closeCodeOf(ticket.url);
    const receipt = await visitor.source.receipt(ticket.id);
    step.say(
      code === undefined ? "It was let in, which must not happen." : "Refused: the ticket was used before.",
      "good",
    );
    step.show(
      facts({
        "The thief sees": `the browser's close code ${code}, and nothing more`,
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
