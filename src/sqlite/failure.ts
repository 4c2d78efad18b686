// What SQLite and the file system say about one of our files, in words that tell the user what to do about it.
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { LovageError, messageOf } from "../error.ts";
import type { FileWords } from "./format.ts";

export function fileFailure(words: FileWords, path: string, error: unknown): LovageError {
  if (error instanceof LovageError) return error;
  const [reason, hint] = explain(words, path, error);
  return new LovageError(words.code, `${words.file} file ${path}: ${reason}`, { hint, cause: error });
}

/** Whether it is only that somebody else writes just now. */
export function isBusy(error: unknown): boolean {
  return codeOf(error instanceof LovageError ? error.cause : error).startsWith("SQLITE_BUSY");
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

function explain(words: FileWords, path: string, error: unknown): readonly [reason: string, hint?: string] {
  const code = codeOf(error);
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return ["it is damaged, or not a SQLite file", "move it and its -wal and -shm files away; a new one is created"];
  }
  if (/^(SQLITE_(READONLY|PERM|CANTOPEN)|EACCES|EPERM|EROFS)/.test(code)) {
    return [`user ${userName()} may not write it or its folder`, `give that user write access to ${dirname(path)}`];
  }
  if (code.startsWith("SQLITE_BUSY")) {
    const hint = "close whatever has it open, such as a sqlite3 shell";
    return ["another process holds it locked", comfort(hint, words.whenBusy)];
  }
  if (code === "SQLITE_FULL" || code === "ENOSPC") return ["the disk is full", comfort("make room", words.whenFull)];
  if (code === "ENOTDIR" || code === "EEXIST") return [`part of ${dirname(path)} is a file, not a folder`];
  if (code === "EISDIR") return ["it is a folder", "name a file in it"];
  return [messageOf(error)];
}

function comfort(hint: string, more: string | undefined): string {
  return more === undefined ? hint : `${hint}; ${more}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "this");
  }
}
