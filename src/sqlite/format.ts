// What one of our SQLite files is: its tables, their version, how an older file becomes the present one, and the words for it.
import type { Database } from "better-sqlite3";
import { type ErrorCode, LovageError } from "../error.ts";

/** In whose name errors about a file speak. */
export interface FileWords {
  readonly code: ErrorCode;
  /** `broker` in "broker file /path: ...". */
  readonly file: string;
  /** `result backend` in "result backend URL sqlite://...". */
  readonly url: string;
  /** What a file is for: `a broker`. */
  readonly purpose: string;
  /** What a file of ours is: `a Lovage broker`. */
  readonly kind: string;
  /** A name that such a file may have. */
  readonly example: string;
  /** What may be said for comfort where the file did not take something. */
  readonly whenBusy?: string;
  readonly whenFull?: string;
}

export interface FileFormat {
  readonly words: FileWords;
  /** Tells our file from any other SQLite file somebody may point us at. */
  readonly applicationId: number;
  /** Makes the tables of the present version. */
  readonly tables: string;
  /** `migrations[n]` takes a file from version n + 1 to n + 2; what was released is never edited, only added to. */
  readonly migrations: readonly string[];
}

/** Whether there is nothing to do: the usual case, in which nobody need be waited for. */
export function isPrepared(database: Database, format: FileFormat): boolean {
  return (
    pragma(database, "application_id") === format.applicationId &&
    pragma(database, "user_version") === versionOf(format)
  );
}

/**
 * Makes the tables if the file is new, and brings an older file up to date; one from a newer Lovage is left alone. Call it
 * inside a transaction: several processes may open one new file.
 */
export function prepare(database: Database, format: FileFormat, path: string): void {
  const found = pragma(database, "user_version");
  const owner = pragma(database, "application_id");
  const isEmpty = database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
  if (isEmpty && found === 0 && owner === 0) {
    database.exec(format.tables);
    database.pragma(`application_id = ${format.applicationId}`);
  } else {
    if (owner !== format.applicationId) throw foreign(format.words, path);
    if (found > versionOf(format)) throw newer(format, path, found);
    for (const migration of format.migrations.slice(Math.max(0, found - 1))) database.exec(migration);
  }
  database.pragma(`user_version = ${versionOf(format)}`);
}

function versionOf({ migrations }: FileFormat): number {
  return migrations.length + 1;
}

function foreign({ code, kind, purpose }: FileWords, path: string): LovageError {
  return new LovageError(code, `${path} is a SQLite file, but not ${kind}`, {
    hint: `name a file of its own for ${purpose}; it is created when it is missing`,
  });
}

function newer(format: FileFormat, path: string, found: number): LovageError {
  const message = `${path} was written by a newer Lovage (format ${found}, known is ${versionOf(format)})`;
  return new LovageError(format.words.code, message, { hint: "upgrade Lovage here, or name another file" });
}

function pragma(database: Database, name: string): number {
  return Number(database.pragma(name, { simple: true }));
}
