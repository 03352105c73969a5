// Prints what the Node snippet of endings hears.
import { followEndings } from "./snippet.mjs";

try {
  await followEndings({
    onOpen: () => console.log("open"),
    onEnd: (ticketId, code, reason) => console.log(`ended ${ticketId} ${code} ${reason}`),
    onRenew: (ticketId, until) => console.log(`renewed ${ticketId} ${until}`),
  });
} catch (err) {
  console.error(err.message);
  process.exit(1);
}
