// What is not ours is left alone: Celery's own schedule files, other programs' databases, the user's sources.
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { extname } from "node:path";
import type { Database } from "better-sqlite3";
import { LovageError } from "../../error.ts";

/** "LOVA": the application id in the header of every beat-record. */
export const APPLICATION_ID = 0x4c_4f_56_41;

/** GNU dbm's magic numbers (gdbm 1.8 to 1.24), in either byte order at offset 0. */
const GDBM = new Set([0x13_57_9a_cd, 0x13_57_9a_ce, 0x13_57_9a_cf, 0x13_57_9a_d0, 0x13_57_9a_d1]);

/** Berkeley DB's hash and btree magic numbers, at offset 12 since version 2 and at 0 before. */
const BERKELEY = new Set([0x06_15_61, 0x05_31_62]);

const SOURCES = new Set([".js", ".json", ".mjs", ".mts", ".py", ".toml", ".ts", ".yaml", ".yml"]);

/** Throws when a readable SQLite database was made by somebody else. */
export function refuseForeignDatabase(path: string, database: Database): void {
  if (database.pragma("application_id", { simple: true }) === APPLICATION_ID) return;
  const tables = database.prepare<[], string>("SELECT name FROM sqlite_master").pluck().all();
  if (tables.length === 0) return;
  const celery = tables[0] === "Dict";
  throw leftAlone(path, celery ? "a schedule file of Celery's (Python's dbm.sqlite3)" : "another program's database");
}

/** Throws when a file that no beat has had before, for its lock is not beside it, is text: somebody's, and no record. */
export function refuseText(path: string): void {
  if (!existsSync(path) || existsSync(`${path}-lock`) || statSync(path).size === 0) return;
  const extension = extname(path);
  if (isText(readHead(path))) throw leftAlone(path, SOURCES.has(extension) ? `a ${extension} file` : "a text file");
}

/** Throws when a file that SQLite cannot read is plainly somebody's data and no damaged record. */
export function refuseForeignFile(path: string): void {
  const head = readHead(path);
  const numbers = [head.readUInt32LE(0), head.readUInt32BE(0), head.readUInt32LE(12), head.readUInt32BE(12)];
  if (numbers.slice(0, 2).some((number) => GDBM.has(number))) {
    throw leftAlone(path, "a schedule file of Celery's (GNU dbm)");
  }
  if (numbers.some((number) => BERKELEY.has(number))) {
    throw leftAlone(path, "a schedule file of Celery's (Berkeley DB)");
  }
  if (SOURCES.has(extname(path))) throw leftAlone(path, `a ${extname(path)} file`);
}

/** A record is never text from its first byte on, however it is damaged: a NUL ends the first line of its header. */
function isText(head: Buffer): boolean {
  return head.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

function leftAlone(path: string, what: string): LovageError {
  return new LovageError("store", `${path} is ${what}, not a beat-record; it is left as it is`, {
    hint: "name another file with -s, such as -s beat-record",
  });
}

function readHead(path: string): Buffer {
  const head = Buffer.alloc(16);
  const file = openSync(path, "r");
  try {
    const length = readSync(file, head, 0, head.length, 0);
    // A short text is text all the same.
    return head.fill(0x20, length, length > 0 ? undefined : 0);
  } finally {
    closeSync(file);
  }
}
