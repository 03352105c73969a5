"use client";

import { useCallback, useState, useSyncExternalStore } from "react";
import { type State, TicketSocket, type TicketSocketOptions, type TicketSource } from "./index.ts";

/** What {@link useTicketSocket} knows of its connection. */
export interface TicketSocketView {
  /**
   * The socket, the same one until the source changes. Undefined where there is none: on a server,
   * before the first effect, and without a source.
   */
  readonly socket: TicketSocket | undefined;
  /** The state of the socket. Before there is one: `requesting`; without a source: `closed`. */
  readonly state: State;
  /** Why it waits, was refused or has ended. Undefined while nothing is wrong. */
  readonly why: string | undefined;
}

type Source = TicketSource | undefined | null | false | "";

/**
 * Keeps a {@link TicketSocket} open for as long as the component is mounted, and renders again when
 * its state changes.
 *
 * The source must be the same object in each render: make it outside of the component, or with
 * `useState` or `useMemo`. Another source, such as that of another user, ends the connection and
 * opens one of its own. StrictMode and Fast Refresh keep the connection.
 *
 * @param source - where tickets come from. Undefined, null, false or "": no connection, for
 *   example while nobody is signed in.
 * @param options - read when the socket is made; a later change of them has no effect on it.
 */
export function useTicketSocket(source: Source, options?: TicketSocketOptions): TicketSocketView {
  const [place] = useState(makePlace);
  const { hold, seen } = place;
  // The options are for a new socket only. They are often a new object in each render.
  const subscribe = useCallback((changed: () => void) => hold(source, options, changed), [hold, source]);
  const now = useSyncExternalStore(subscribe, seen, seen);
  // Never the socket of another user, not even for the one render before the effect.
  if (now && now.source === source) return now;
  return source ? starting : nothing;
}

const nothing: TicketSocketView = { socket: undefined, state: "closed", why: undefined };
const starting: TicketSocketView = { socket: undefined, state: "requesting", why: undefined };

interface Seen extends TicketSocketView {
  readonly source: TicketSource;
  readonly socket: TicketSocket;
}

/** Keeps the socket of a component while StrictMode and Fast Refresh end an effect and run it again. */
function makePlace() {
  let now: Seen | undefined;
  let holds = 0;

  function hold(source: Source, options: TicketSocketOptions | undefined, changed: () => void): () => void {
    const mine = ++holds;
    if (now && now.source !== source) {
      now.socket.close();
      now = undefined;
    }
    if (!source) return () => {};
    const socket = now?.socket ?? new TicketSocket(source, options);
    let why: string | undefined;
    const look = (event?: Event & { why?: string }) => {
      why = socket.state === "open" ? undefined : (event?.why ?? why);
      now = { source, socket, state: socket.state, why };
      changed();
    };
    const leave = () => {
      for (const type of events) socket.removeEventListener(type, look);
    };
    const end = () => {
      now = undefined;
      socket.close();
    };
    for (const type of events) socket.addEventListener(type, look);
    try {
      look();
    } catch (fault) {
      leave(); // because React cleans nothing up after an effect that threw
      end();
      throw fault;
    }
    return () => {
      leave();
      // An effect that is only run again takes the socket before any microtask.
      queueMicrotask(() => {
        if (holds === mine) end();
      });
    };
  }

  return { hold, seen: (): Seen | undefined => now };
}

const events = ["statechange", "reconnecting", "refused", "close"] as const;
