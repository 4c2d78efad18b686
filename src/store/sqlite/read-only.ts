// Reading along while a beat runs, or after it stopped: takes no lock, makes no file, moves nothing.
import { constants, existsSync } from "node:fs";
import Database from "better-sqlite3";
import { LovageError } from "../../error.ts";
import { applyToStates, runsNewestFirst } from "../changes.ts";
import type { Run, Store, StoredState } from "../store.ts";
import { accessError, checkPlace, isDamage, storeError } from "./access.ts";
import { refuseForeignDatabase, refuseForeignFile } from "./foreign.ts";
import { readJournal } from "./journal.ts";
import { readRuns, readStates } from "./rows.ts";
import { readMeta, SCHEMA_VERSION, schemaVersion } from "./schema.ts";

const BUSY_MS = 1000;

/** @param path absolute */
export function openSqliteReadOnly(path: string): Store {
  checkPlace(path);
  if (!existsSync(path)) throw missing(path);
  try {
    return new ReadOnlyStore(path, open(path));
  } catch (error) {
    throw readError(path, error);
  }
}

function open(path: string): Database.Database {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    refuseForeignDatabase(path, database);
    const version = schemaVersion(path, database);
    if (version === 0) throw missing(path);
    if (version < SCHEMA_VERSION) throw older(path, version);
    return database;
  } catch (error) {
    database.close();
    if (isDamage(error)) refuseForeignFile(path);
    throw error;
  }
}

class ReadOnlyStore implements Store {
  readonly location: string;
  readonly #database: Database.Database;

  constructor(path: string, database: Database.Database) {
    this.location = path;
    this.#database = database;
  }

  async load(): Promise<StoredState> {
    return this.#read(() => {
      const entries = readStates(this.#database);
      for (const changes of readJournal(this.#database)) applyToStates(entries, changes);
      return { id: readMeta(this.#database, "id") ?? "", entries };
    });
  }

  async record(): Promise<void> {
    throw new LovageError("store", `the beat-record ${this.location} was opened for reading only`);
  }

  async history(entry: string, limit: number): Promise<readonly Run[]> {
    return this.#read(() => {
      const pending = runsNewestFirst(readJournal(this.#database), entry);
      return [...pending, ...readRuns(this.#database, entry, limit)].slice(0, limit);
    });
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  /** One transaction, so that what is being folded meanwhile is seen once. */
  #read<Result>(work: () => Result): Result {
    if (!this.#database.open) throw new LovageError("store", `the beat-record ${this.location} is closed`);
    try {
      return this.#database.transaction(work)();
    } catch (error) {
      throw readError(this.location, error);
    }
  }
}

function readError(path: string, error: unknown): LovageError {
  if (error instanceof LovageError) return error;
  return (isDamage(error) ? null : accessError(path, constants.R_OK, error)) ?? storeError(path, error);
}

function missing(path: string): LovageError {
  return new LovageError("store", `there is no beat-record at ${path} yet`, {
    hint: "beat makes it when it first starts; name another with -s",
  });
}

function older(path: string, version: number): LovageError {
  return new LovageError("store", `the beat-record ${path} has the older schema version ${version}`, {
    hint: "start beat on it once, which brings it up to date",
  });
}
