// A program for Node without the types of a browser. It is only compiled, against the
// declarations of the package as npm publishes them.
import {
  type Judgement,
  type State,
  type Ticket,
  TicketError,
  TicketSocket,
  type TicketSource,
  ticketSource,
  ticketWebSocket,
} from "@wsticket/client";
import { type TicketSocketView, useTicketSocket } from "@wsticket/client/react";
import { WebSocket as Undici } from "undici";
import { WebSocket } from "ws";

export const source: TicketSource = ticketSource(new URL("https://api.example.com/ws-ticket"), {
  bearer: async ({ reason, signal }) => {
    const answer = await fetch(`https://id.example.com/token?force=${reason === "rejected"}`, { signal });
    return answer.text();
  },
  audience: "chat",
});

export const socket: TicketSocket = new TicketSocket(source, { door: "header", WebSocket: Undici });
export const other: TicketSocket = new TicketSocket(source, { door: "header", WebSocket });
export const state: State = socket.state;

socket.addEventListener("message", ({ data }) => console.log(data));
socket.addEventListener("refused", ({ why, status }) => console.log(why, status));
socket.addEventListener("close", ({ code, reason, why }) => console.log(code, reason, why));
socket.onmessage = ({ data }) => console.log(data);
socket.send(new Uint8Array(1));

export async function one(signal: AbortSignal): Promise<Ticket | Judgement> {
  try {
    return await source.next(signal);
  } catch (error) {
    if (error instanceof TicketError) return source.judge(error);
    throw error;
  }
}

export const Transport: ReturnType<typeof ticketWebSocket> = ticketWebSocket(source);

export function Component(): TicketSocketView {
  return useTicketSocket(source);
}
