// The endpoints that only `wsticket dev` has. They stand in for an application's own
// login and for what a browser cannot do.

/** How the page shows who it is. */
export type Door = "query" | "subprotocol" | "first_message" | "cookie";

/** What the page has to know beforehand. */
export interface Settings {
  /** The longest lifetime of a bearer. */
  seconds: number;
  /** The path of the WebSocket, and the parameter of its query that takes a ticket. */
  path: string;
  parameter: string;
  /** The doors that are open. */
  doors: Door[];
}

/** How a handshake ended: 101 is in, 0 is no answer. */
export interface Handshake {
  status: number;
  ms: number;
}

/** Returns the address of the WebSocket. */
export function addressOf({ path }: Settings): string {
  return location.origin.replace("http", "ws") + path;
}

/** Reads what the page has to know beforehand. */
export function settings(): Promise<Settings> {
  return ask("settings");
}

/** Signs in, for a time or for as long as there is. */
export function signIn(name: string, seconds = 0): Promise<{ bearer: string; expires_in: number }> {
  return ask("sign-in", { name, seconds });
}

/** Signs in by a cookie, which no script sees and which lasts for a few seconds. */
export function openSession(name: string): Promise<void> {
  return ask("session", { name });
}

/** Ends everything of a user. */
export function signOut(name: string): Promise<void> {
  return ask("sign-out", { name });
}

/** Presents a ticket many times at once, as this page does or as a program `elsewhere`. */
export async function present(ticket: string, count: number, elsewhere = false): Promise<Handshake[]> {
  const { handshakes } = await ask<{ handshakes: Handshake[] }>("handshakes", { ticket, count, elsewhere });
  return handshakes;
}

const timeout = 15_000; // ms

async function ask<T>(what: string, body?: object): Promise<T> {
  const answer = await fetch(`/demo/${what}`, {
    method: body ? "POST" : "GET",
    body: body ? JSON.stringify(body) : null,
    headers: { "Content-Type": "application/json" },
    signal: AbortSignal.timeout(timeout),
  });
  const content = answer.status === 204 ? undefined : await answer.json();
  if (!answer.ok) throw new Error(content.detail ?? content.title);
  return content;
}
