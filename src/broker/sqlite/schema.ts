// The tables of the embedded broker, which whoever opens the file first makes.
import type { FileFormat } from "../../sqlite/format.ts";
import { brokerWords } from "./failure.ts";

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

const notes = `
  CREATE TABLE note (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (scope, name)
  ) STRICT, WITHOUT ROWID;
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
  ${notes}
`;

// Nothing consumed in version 1, so no message of such a file is claimed.
const fromVersion1 = `
  DROP INDEX message_claimed;
  ALTER TABLE message DROP COLUMN claimed_until;
  ALTER TABLE message ADD COLUMN redelivered INTEGER NOT NULL DEFAULT 0;
  ${consuming}
`;

export const brokerFormat: FileFormat = Object.freeze({
  words: brokerWords,
  // "LvBr"
  applicationId: 0x4c764272,
  tables,
  migrations: [fromVersion1, notes],
});
