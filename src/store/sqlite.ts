// The beat-record as a SQLite file: one writer at a time, what was recorded survives the process and the power, and
// anyone may read along.
import { statSync } from "node:fs";
import Database from "better-sqlite3";
import { type Clock, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { applyToStates, assertStorable, DEFAULT_HISTORY, runsNewestFirst } from "./changes.ts";
import { checkPlace, isDamage, storeError } from "./sqlite/access.ts";
import { findDamage, moveAside, restore, salvage } from "./sqlite/damage.ts";
import { WalSync } from "./sqlite/durable.ts";
import { refuseForeignDatabase, refuseForeignFile, refuseText } from "./sqlite/foreign.ts";
import { Journal } from "./sqlite/journal.ts";
import { lockRecord, type RecordLock } from "./sqlite/lock.ts";
import { readRuns, readStates, Rows } from "./sqlite/rows.ts";
import { migrate, readMeta, writeMeta } from "./sqlite/schema.ts";
import type { Changes, Run, Store, StoredState } from "./store.ts";

/** How long a commit waits for another program's hands off the file, in milliseconds; it blocks the process. */
const BUSY_MS = 250;

/** Pages in the WAL before SQLite copies them home: rarely, for that is the one wait on the disk that blocks. */
const CHECKPOINT_PAGES = 1000;

export interface SqliteStoreOptions {
  readonly emit?: Emit | undefined;
  readonly clock?: Clock | undefined;
  /** How many runs are kept per entry. */
  readonly history?: number | undefined;
}

/**
 * Opens or makes the record at `path` (absolute) and locks it for this process.
 *
 * @throws LovageError `locked` when another process has it; `store` when it cannot be read or written, is not a
 * beat-record, or is of a newer version. A damaged record is moved aside with the event `record-moved-aside`.
 */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  checkPlace(path);
  refuseText(path);
  const clock = options.clock ?? systemClock;
  const lock = lockRecord(path, clock.now());
  let database: Database.Database | undefined;
  try {
    database = openWhole(path, { ...options, clock });
    return new SqliteStore(path, database, lock, { ...options, clock });
  } catch (error) {
    database?.close();
    lock.release();
    throw storeError(path, error);
  }
}

type Opening = SqliteStoreOptions & { readonly clock: Clock };

/** The record, or a new one in its place when it is damaged. */
function openWhole(path: string, options: Opening): Database.Database {
  const opened = open(path);
  if (typeof opened !== "string") return opened;
  refuseForeignFile(path);
  const saved = salvage(path);
  const movedTo = moveAside(path, options.clock.now());
  const kept = saved === null ? "" : `; the state of its ${saved.entries.size} entries was kept, their history was not`;
  options.emit?.({ type: "record-moved-aside", path, movedTo, reason: opened + kept });
  const fresh = open(path);
  if (typeof fresh === "string") throw new LovageError("store", `cannot make the beat-record ${path}: ${fresh}`);
  if (saved !== null) restore(fresh, new Rows(fresh, DEFAULT_HISTORY), saved, options.clock.now());
  return fresh;
}

/** The database, or what is damaged about it. */
function open(path: string): Database.Database | string {
  const database = new Database(path, { timeout: BUSY_MS });
  try {
    refuseForeignDatabase(path, database);
    const damage = findDamage(path, database);
    if (damage === null) {
      prepare(path, database);
      return database;
    }
    database.close();
    return damage;
  } catch (error) {
    database.close();
    if (isDamage(error)) return (error as Error).message;
    throw error;
  }
}

function prepare(path: string, database: Database.Database): void {
  const inWal = database.pragma("journal_mode = WAL", { simple: true }) === "wal";
  database.pragma(`synchronous = ${inWal ? "NORMAL" : "FULL"}`);
  database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.pragma("journal_size_limit = 67108864");
  migrate(path, database);
}

class SqliteStore implements Store {
  readonly location: string;
  readonly #database: Database.Database;
  readonly #lock: RecordLock;
  readonly #journal: Journal;
  readonly #limit: number;
  readonly #session: string;
  readonly #inode: number;
  readonly #wal: WalSync | null;
  #closing: Promise<void> | null = null;
  #damaged = false;

  constructor(path: string, database: Database.Database, lock: RecordLock, options: Opening) {
    this.location = path;
    this.#database = database;
    this.#lock = lock;
    this.#limit = options.history ?? DEFAULT_HISTORY;
    this.#inode = statSync(path).ino;
    this.#session = `${process.pid}.${options.clock.now()}.${Math.random()}`;
    this.#wal = database.pragma("journal_mode", { simple: true }) === "wal" ? new WalSync(path) : null;
    const rows = new Rows(database, this.#limit);
    this.#journal = new Journal(database, { rows, clock: options.clock, guard: () => this.#assertSession() });
    database.transaction(() => {
      rows.expire(options.clock.now());
      writeMeta(database, "session", this.#session);
    })();
    this.#journal.takeOver();
  }

  async load(): Promise<StoredState> {
    return this.#attempt(() => {
      const entries = readStates(this.#database);
      for (const changes of this.#journal.pending()) applyToStates(entries, changes);
      return { id: readMeta(this.#database, "id") ?? "", entries };
    });
  }

  async record(changes: Changes): Promise<void> {
    assertStorable(changes);
    this.#attempt(() => this.#commit(changes));
    try {
      await this.#wal?.sync();
    } catch (error) {
      throw storeError(this.location, error);
    }
  }

  async history(entry: string, limit: number): Promise<readonly Run[]> {
    const most = Math.min(limit, this.#limit);
    return this.#attempt(() => {
      const pending = runsNewestFirst(this.#journal.pending(), entry);
      return [...pending, ...readRuns(this.#database, entry, most)].slice(0, most);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #commit(changes: Changes): void {
    this.#assertInPlace();
    const committed = this.#database.transaction(() => this.#journal.write(changes))();
    committed();
  }

  /** Writing on into a deleted file would succeed, and be lost with the process. */
  #assertInPlace(): void {
    if (statSync(this.location, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new LovageError("store", `the beat-record ${this.location} was removed or replaced while in use`, {
      hint: "restart beat, and it begins a new one",
    });
  }

  /** The lock can be got round by deleting its file; this cannot. */
  #assertSession(): void {
    if (readMeta(this.#database, "session") === this.#session) return;
    throw new LovageError("locked", `the beat-record ${this.location} was taken over by another process`, {
      hint: `was ${this.location}-lock deleted? stop one of the two`,
    });
  }

  #attempt<Result>(work: () => Result): Result {
    if (this.#closing !== null) throw new LovageError("store", `the beat-record ${this.location} is closed`);
    try {
      return work();
    } catch (error) {
      this.#damaged ||= isDamage(error);
      throw storeError(this.location, error);
    }
  }

  async #close(): Promise<void> {
    await this.#wal?.close();
    try {
      this.#journal.stop();
      if (!this.#damaged) this.#database.pragma("journal_mode = DELETE");
    } catch {
      // Somebody reads along, or the disk is full: all of it is in the journal and the WAL for the next start.
    } finally {
      this.#database.close();
      this.#lock.release();
    }
  }
}
