// The tables of the embedded broker. Whoever opens the file first makes them; a file from a newer Lovage is left alone.
import type { Database } from "better-sqlite3";
import { LovageError } from "../../error.ts";

// "LvBr": tells our file from any other SQLite file somebody may point us at.
const applicationId = 0x4c764272;
const version = 1;

// A message is ready while nobody has claimed it. Whoever consumes claims the first ready one of a queue, by priority
// and age, in one UPDATE ... RETURNING; it deletes it to acknowledge, and a claim that ran out is anybody's again.
// Priority is as on Redis: 0 is served first.
const tables = `
  CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    text TEXT NOT NULL,
    enqueued_at INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_until INTEGER
  ) STRICT;
  CREATE INDEX message_ready ON message (queue, priority, id) WHERE claimed_by IS NULL;
  CREATE INDEX message_claimed ON message (claimed_until) WHERE claimed_by IS NOT NULL;
  CREATE TABLE binding (
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    pattern TEXT NOT NULL,
    queue TEXT NOT NULL,
    PRIMARY KEY (exchange, routing_key, pattern, queue)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE scope (
    name TEXT PRIMARY KEY,
    term INTEGER NOT NULL,
    owner_id TEXT,
    owner_label TEXT,
    ttl_ms REAL,
    expires_at REAL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE mark (
    scope TEXT NOT NULL,
    entry TEXT NOT NULL,
    due_at REAL NOT NULL,
    PRIMARY KEY (scope, entry)
  ) STRICT, WITHOUT ROWID;
`;

/** Makes the tables if the file is new. Call it inside a transaction: several processes may open one new file. */
export function prepareSchema(database: Database, path: string): void {
  const found = pragma(database, "user_version");
  const owner = pragma(database, "application_id");
  const isEmpty = database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
  if (isEmpty && found === 0 && owner === 0) {
    database.exec(tables);
    database.pragma(`application_id = ${applicationId}`);
    database.pragma(`user_version = ${version}`);
    return;
  }
  if (owner !== applicationId) {
    const hint = "name a file of its own for the broker; it is created when it is missing";
    throw new LovageError("broker", `${path} is a SQLite file, but not a Lovage broker`, { hint });
  }
  if (found > version) {
    const hint = "upgrade Lovage here, or name another file";
    throw new LovageError("broker", `${path} was written by a newer Lovage (format ${found}, known is ${version})`, {
      hint,
    });
  }
}

function pragma(database: Database, name: string): number {
  return Number(database.pragma(name, { simple: true }));
}
