// The tables of a beat-record, their version, and how an older one becomes the present one.
import { randomUUID } from "node:crypto";
import type { Database } from "better-sqlite3";
import { LovageError } from "../../error.ts";
import { APPLICATION_ID } from "./foreign.ts";

/** `MIGRATIONS[n]` takes a record from version n to n + 1. What was released is never edited, only added to. */
const MIGRATIONS: readonly string[] = [
  `
  PRAGMA application_id = ${APPLICATION_ID};
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE entry (
    name TEXT PRIMARY KEY, schedule_hash TEXT NOT NULL,
    anchor_at INTEGER NOT NULL, settled_at INTEGER NOT NULL,
    last_due_at INTEGER, last_sent_at INTEGER, last_task_id TEXT,
    runs INTEGER NOT NULL, missed INTEGER NOT NULL, failed INTEGER NOT NULL,
    paused_at INTEGER, paused_by TEXT, paused_reason TEXT
  ) WITHOUT ROWID;
  CREATE TABLE run (
    entry TEXT NOT NULL, number INTEGER NOT NULL,
    due_at INTEGER NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL, task_id TEXT, reason TEXT,
    PRIMARY KEY (entry, number)
  ) WITHOUT ROWID;
  CREATE TABLE journal (id INTEGER PRIMARY KEY AUTOINCREMENT, changes TEXT NOT NULL);
  CREATE TABLE forgotten (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
  `,
  "ALTER TABLE entry ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0",
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings a record to the present version in one transaction; a newer one is refused. */
export function migrate(path: string, database: Database): void {
  const version = schemaVersion(path, database);
  if (version === SCHEMA_VERSION) return;
  database.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.pragma(`user_version = ${SCHEMA_VERSION}`);
    if (readMeta(database, "id") === undefined) writeMeta(database, "id", randomUUID());
  })();
}

/** The record's version, 0 for an empty file. */
export function schemaVersion(path: string, database: Database): number {
  const version = Number(database.pragma("user_version", { simple: true }));
  if (version <= SCHEMA_VERSION) return version;
  throw new LovageError(
    "store",
    `the beat-record ${path} has schema version ${version}, and this Lovage knows versions up to ${SCHEMA_VERSION}`,
    { hint: "it is left as it is: upgrade Lovage, or name another file with -s" },
  );
}

export function readMeta(database: Database, key: string): string | undefined {
  return database.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck().get(key);
}

export function writeMeta(database: Database, key: string, value: string): void {
  database.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value").run(key, value);
}
