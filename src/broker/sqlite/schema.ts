// The tables of the embedded broker. Whoever opens the file first makes them; a file from a newer Lovage is left alone.
import type { Database } from "better-sqlite3";
import { LovageError } from "../../error.ts";

// "LvBr": tells our file from any other SQLite file somebody may point us at.
const applicationId = 0x4c764272;
const version = 2;

// A message is ready while nobody has claimed it. Whoever consumes claims the first ready ones of a queue, by priority
// and age, in one UPDATE ... RETURNING; it deletes it to acknowledge, and the claims of a consumer that is dead, or that
// did not show up until its time was over, are anybody's again. Priority is as on Redis: 0 is served first.
const consuming = `
  CREATE INDEX message_claimed ON message (claimed_by) WHERE claimed_by IS NOT NULL;
  CREATE TABLE consumer (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    alive_until REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE temporary_queue (
    name TEXT PRIMARY KEY,
    consumer TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exchange TEXT NOT NULL,
    text TEXT NOT NULL,
    published_at REAL NOT NULL
  ) STRICT;
  CREATE INDEX notice_age ON notice (published_at);
`;

const tables = `
  CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    text TEXT NOT NULL,
    enqueued_at INTEGER NOT NULL,
    claimed_by TEXT,
    redelivered INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX message_ready ON message (queue, priority, id) WHERE claimed_by IS NULL;
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
  ${consuming}
`;

// Nothing consumed in version 1, so no message of such a file is claimed.
const fromVersion1 = `
  DROP INDEX message_claimed;
  ALTER TABLE message DROP COLUMN claimed_until;
  ALTER TABLE message ADD COLUMN redelivered INTEGER NOT NULL DEFAULT 0;
  ${consuming}
`;

/** Whether there is nothing to do: the usual case, in which nobody need be waited for. */
export function isPrepared(database: Database): boolean {
  return pragma(database, "application_id") === applicationId && pragma(database, "user_version") === version;
}

/** Makes the tables if the file is new, and brings an older file up to date. Call it inside a transaction: several processes may open one new file. */
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
  if (found === 1) {
    database.exec(fromVersion1);
    database.pragma(`user_version = ${version}`);
  }
}

function pragma(database: Database, name: string): number {
  return Number(database.pragma(name, { simple: true }));
}
