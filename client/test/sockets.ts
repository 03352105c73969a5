import * as undici from "undici";
import * as ws from "ws";

/** What the option `WebSocket` takes. */
// biome-ignore lint/suspicious/noExplicitAny: two classes that share the shape of the standard and no type
type Implementation = any;

/** The WebSocket classes that the tests run with. Node 20 has none of its own. */
export const implementations: readonly (readonly [string, Implementation])[] = [
  ["undici", undici.WebSocket],
  ["ws", ws.WebSocket],
];

/** Classes that send an Origin, as a page does. */
export function fromOrigin(origin: string): readonly (readonly [string, Implementation])[] {
  class UndiciPage extends undici.WebSocket {
    constructor(url: string, protocols: string[] = []) {
      super(url, { protocols, headers: { Origin: origin } });
    }
  }
  class WsPage extends ws.WebSocket {
    constructor(url: string, protocols: string[] = []) {
      super(url, protocols, { origin });
    }
  }
  return [
    ["undici", UndiciPage],
    ["ws", WsPage],
  ];
}
