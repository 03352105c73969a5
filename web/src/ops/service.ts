// The process behind this page: its endpoints, and the key that opens them.

/** The process has refused a request. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** No answer came, or none in time. */
export class Unreachable extends Error {}

/** What the key may do. */
export interface Access {
  /** The name of the key or certificate, empty without one. */
  caller: string;
  scopes: readonly string[];
  /** Whether the key is for all audiences, which connections and tickets need. */
  allAudiences: boolean;
  /** Whether the process has an audit trail. */
  trail: boolean;
}

const nobody: Access = { caller: "", scopes: [], allAudiences: true, trail: false };
const deadline = 8_000; // ms; the process itself takes two seconds for a list

/** Talks to the process. The key is in a field of this object and nowhere else, and is gone with the page. */
export class Service extends EventTarget {
  #key = "";
  #access = nobody;

  /** What the key may do. An event `access` says that it has changed, and in its detail why, where that was not the user. */
  get access(): Access {
    return this.#access;
  }

  /** Reports whether the page may do what needs a scope. */
  may(scope: "read" | "revoke"): boolean {
    return this.#access.scopes.includes(scope) && this.#access.allAudiences;
  }

  /** Asks what the page may do: with a key, or without one, by a certificate of the browser. */
  async enter(key = ""): Promise<void> {
    const answer = (await this.#json("ops/access", {}, key)) as {
      caller?: string;
      scopes: string[];
      all_audiences: boolean;
      trail: boolean;
    };
    this.#key = key;
    this.#become({
      caller: answer.caller ?? "",
      scopes: answer.scopes,
      allAudiences: answer.all_audiences,
      trail: answer.trail,
    });
  }

  /** Forgets the key, for a reason if it was not the user's wish. */
  forget(why = ""): void {
    this.#key = "";
    this.#become(nobody, why);
  }

  /** Gets a text. */
  async text(path: string): Promise<string> {
    return (await this.#ask(path, {}, this.#key)).text();
  }

  /** Gets or sends JSON. The answer of 204 is undefined. */
  json(path: string, init: RequestInit = {}): Promise<unknown> {
    return this.#json(path, init, this.#key);
  }

  async #json(path: string, init: RequestInit, key: string): Promise<unknown> {
    const answer = await this.#ask(path, init, key);
    return answer.status === 204 ? undefined : answer.json();
  }

  async #ask(path: string, init: RequestInit, key: string): Promise<Response> {
    const headers = new Headers(init.headers);
    if (key !== "") headers.set("Authorization", `Bearer ${key}`);
    if (init.body) headers.set("Content-Type", "application/json");
    const answer = await fetch(path, {
      ...init,
      headers,
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(deadline),
    }).catch(() => {
      throw new Unreachable("no answer");
    });
    // A process that is not ready says so, and its dependencies, in JSON.
    if (answer.ok || answer.headers.get("Content-Type") === "application/json") return answer;
    const problem = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
    const refused = new Refused(answer.status, problem.detail ?? problem.title ?? answer.statusText);
    // It was good when it was entered.
    if (answer.status === 401 && key !== "" && key === this.#key)
      this.forget(`The key was forgotten. ${advice(refused)}`);
    throw refused;
  }

  #become(access: Access, why = ""): void {
    this.#access = access;
    this.dispatchEvent(new CustomEvent("access", { detail: why }));
  }
}

/** Says what a failure means and what to do about it. */
export function advice(error: unknown): string {
  if (error instanceof Unreachable)
    return `${location.host} does not answer. Is the process running, and the way to it open?`;
  if (!(error instanceof Refused))
    return "The answer cannot be read. Is this a wsticket of another version? Load the page again.";
  const { status, detail } = error;
  switch (status) {
    case 401:
      return "The service does not know this key. Its SHA-256 must be in internal.api_keys of this process.";
    case 403:
      return `${sentence(detail)} Enter another key, or change this one in internal.api_keys.`;
    case 404:
      return "There is no such connection. It may have closed in the meantime.";
    case 421:
      return `${location.hostname} is not among public.hosts. Open the page as http://localhost:8081/ops, through a tunnel.`;
    case 429:
      return "There were too many requests without a good key from this address. Wait a moment and try again.";
    default:
      return `${sentence(detail)} (status ${status})`;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}
