// One process per beat-record, by a lock of the operating system: it ends with the process, however that dies.
import { rmSync } from "node:fs";
import { hostname } from "node:os";
import Database from "better-sqlite3";
import { LovageError } from "../../error.ts";
import { isDamage, storeError } from "./access.ts";

/** How long a failing attempt waits for a holder that is just leaving, in milliseconds. */
const PATIENCE_MS = 100;

const ATTEMPTS = 5;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

export interface RecordLock {
  release(): void;
}

/**
 * Holds a write transaction open on a tiny database beside the record. Readers still see what was committed before it:
 * who holds it. The file stays when the lock is released, for removing it would open a race.
 */
export function lockRecord(path: string, now: number): RecordLock {
  const holder = { pid: process.pid, host: hostname(), since: new Date(now).toISOString().replace(/\.\d+/, "") };
  const database = openLock(path);
  try {
    if (!hold(database, holder)) throw inUse(path, readHolder(database));
  } catch (error) {
    database.close();
    throw storeError(path, error);
  }
  return { release: () => void database.close() };
}

function openLock(path: string): Database.Database {
  try {
    return open(`${path}-lock`);
  } catch (error) {
    if (!isDamage(error)) throw storeError(path, error);
    rmSync(`${path}-lock`, { force: true });
    return open(`${path}-lock`);
  }
}

function open(file: string): Database.Database {
  const database = new Database(file, { timeout: PATIENCE_MS });
  try {
    database.pragma("synchronous = OFF");
    database.pragma("schema_version");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The name is committed first, so that others can read it, and then held; someone else may slip in between. */
function hold(database: Database.Database, holder: Holder): boolean {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (!begin(database)) return false;
    if (isHeldBy(database, holder)) return true;
    database.exec("CREATE TABLE IF NOT EXISTS holder (pid INTEGER, host TEXT, since TEXT); DELETE FROM holder");
    database.prepare("INSERT INTO holder (pid, host, since) VALUES (@pid, @host, @since)").run(holder);
    database.exec("COMMIT");
  }
  return false;
}

function begin(database: Database.Database): boolean {
  try {
    database.exec("BEGIN IMMEDIATE");
    return true;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) return false;
    throw error;
  }
}

function isHeldBy(database: Database.Database, holder: Holder): boolean {
  const found = readHolder(database);
  return found?.pid === holder.pid && found.host === holder.host && found.since === holder.since;
}

function readHolder(database: Database.Database): Holder | undefined {
  const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'holder'").get();
  return table === undefined ? undefined : database.prepare<[], Holder>("SELECT pid, host, since FROM holder").get();
}

function inUse(path: string, holder: Holder | undefined): LovageError {
  const who = holder === undefined ? "another process" : `pid ${holder.pid} on ${holder.host} since ${holder.since}`;
  return new LovageError("locked", `the beat-record ${path} is in use by ${who}`, {
    hint: "stop that one, or give this one a record of its own with -s",
  });
}
