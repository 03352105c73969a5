import type { AccessLog } from "./accesslog.ts";
import type { Connection } from "./connection.ts";
import type { Settings } from "./trial.ts";
import type { Visitor } from "./visitor.ts";

/** What the steps share. */
export interface Tour {
  readonly settings: Settings;
  readonly visitor: Visitor;
  readonly connection: Connection;
  readonly log: AccessLog;
}
