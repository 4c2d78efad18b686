// Why a beat-record cannot be read or written, in words: which path, which user, and what to do about it.
import { accessSync, constants, existsSync, type Stats, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { LovageError, messageOf } from "../../error.ts";

/** What SQLite and the lock put beside the record. */
export const SIDE_FILES = ["-wal", "-shm", "-lock"] as const;

const ELSEWHERE = "name another place with -s, or -s :memory: to keep nothing";

/** Refuses a path that can never hold a record, before SQLite is asked and answers in riddles. */
export function checkPlace(path: string): void {
  const folder = dirname(path);
  if (lookAt(path, folder)?.isDirectory() !== true) {
    throw new LovageError("store", `the folder ${folder} of the beat-record does not exist`, {
      hint: `mkdir -p ${folder}, or ${ELSEWHERE}`,
    });
  }
  const stat = lookAt(path, path);
  if (stat !== undefined && !stat.isFile()) {
    throw new LovageError("store", `the beat-record ${path} is ${stat.isDirectory() ? "a folder" : "not a file"}`, {
      hint: "name a file with -s",
    });
  }
}

function lookAt(path: string, file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw storeError(path, error);
  }
}

/** Turns whatever SQLite threw into an error for people. */
export function storeError(path: string, error: unknown): LovageError {
  if (error instanceof LovageError) return error;
  const code = error instanceof Database.SqliteError ? error.code : "";
  if (code === "SQLITE_FULL") {
    return new LovageError("store", `no space is left for the beat-record ${path}: nothing of this change was kept`, {
      hint: "free some space on that disk",
      cause: error,
    });
  }
  if (isDamage(error)) {
    return new LovageError("store", `the beat-record ${path} is damaged: ${messageOf(error)}`, {
      hint: "beat moves it aside when it starts, and begins a new one",
      cause: error,
    });
  }
  if (code.startsWith("SQLITE_BUSY")) {
    return new LovageError("store", `another program is busy with the beat-record ${path}`, {
      hint: "close whatever has it open for writing, such as a sqlite3 shell",
      cause: error,
    });
  }
  return (
    accessError(path, constants.W_OK, error) ??
    new LovageError("store", `cannot use the beat-record ${path} as ${describeUser()}: ${messageOf(error)}`, {
      cause: error,
    })
  );
}

/** The first of folder, file and side files that this user may not use as `mode` asks, or null. */
export function accessError(path: string, mode: number, cause?: unknown): LovageError | null {
  const verb = mode === constants.W_OK ? "write" : "read";
  for (const suffix of ["", ...SIDE_FILES]) {
    const file = path + suffix;
    if (existsSync(file) && denied(file, mode) !== null) return accessProblem(verb, file, denied(file, mode), cause);
  }
  const reason = denied(dirname(path), mode | constants.X_OK);
  return reason === null ? null : accessProblem(verb, dirname(path), reason, cause);
}

/** Whether this is a matter of the file's content and not of getting at it. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Database.SqliteError)) return false;
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ|IOERR_CORRUPTFS)/.test(error.code);
}

function accessProblem(verb: string, file: string, reason: string | null, cause: unknown): LovageError {
  if (reason === "EROFS") {
    return new LovageError("store", `cannot ${verb} ${file} for the beat-record: its file system is read-only`, {
      hint: ELSEWHERE,
      cause,
    });
  }
  const owner = statSync(file, { throwIfNoEntry: false })?.uid;
  const ownedBy = owner === undefined ? "" : `; it belongs to uid ${owner}`;
  return new LovageError(
    "store",
    `cannot ${verb} ${file} for the beat-record: permission denied for ${describeUser()}${ownedBy}`,
    { hint: `give it to that user, or ${ELSEWHERE}`, cause },
  );
}

function denied(file: string, mode: number): string | null {
  try {
    accessSync(file, mode);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "EACCES";
  }
}

/** `uid 1000 (app)`; a container's user often has no name. */
function describeUser(): string {
  const uid = process.geteuid?.();
  try {
    const { username } = userInfo();
    return uid === undefined ? `user ${username}` : `uid ${uid} (${username})`;
  } catch {
    return `uid ${uid}`;
  }
}
