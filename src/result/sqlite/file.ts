// The file of results, shared by several processes of one host: short transactions, and failures in words.
import { mkdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, resolve } from "node:path";
import Database from "better-sqlite3";
import { LovageError, messageOf } from "../../error.ts";

// Transactions take milliseconds; the wait blocks this process, so it must not be long either.
const busyTimeoutMs = 2000;

// "LvRs": tells our file from any other SQLite file somebody may point us at.
const applicationId = 0x4c765273;
const version = 1;

const tables = `
  CREATE TABLE result (
    task_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    expires_at REAL
  ) STRICT;
  CREATE INDEX result_expires ON result (expires_at) WHERE expires_at IS NOT NULL;
`;

/** `sqlite:///relative.db` and `sqlite:////absolute.db`, as SQLAlchemy writes them; the absolute path of the file. */
export function pathOf(url: string): string {
  const path = /^[a-z]+:\/\/\/(.+)$/is.exec(url)?.[1];
  if (path === undefined) {
    const hint =
      "sqlite:///results.db is a file of the working directory, sqlite:////var/lib/app/results.db an absolute path";
    throw new LovageError("config", `result backend URL ${url} names no file`, { hint });
  }
  if (path === ":memory:") {
    const hint = "write memory:// for results without a file";
    throw new LovageError("config", `result backend URL ${url}: other processes could not reach it`, { hint });
  }
  return resolve(path);
}

export class ResultFile {
  readonly path: string;
  #database: Database.Database;
  #identity: string;
  #closed = false;
  readonly #statements = new Map<string, Database.Statement>();

  /** Opens the file, and creates it and its folder where they are missing. */
  constructor(path: string) {
    this.path = path;
    this.#database = open(path);
    this.#identity = identify(path);
  }

  /** Runs `work` as one transaction that nobody else writes in. */
  transaction<T>(work: () => T): T {
    return this.guarded(() => this.#database.transaction(work).immediate());
  }

  /** A prepared statement; prepared once. */
  statement(sql: string): Database.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Turns what SQLite throws into a LovageError("result"). */
  guarded<T>(work: () => T): T {
    if (this.#closed) throw new LovageError("result", `the result file ${this.path} is closed`);
    try {
      this.#followFile();
      return work();
    } catch (error) {
      throw fileFailure(this.path, error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#statements.clear();
    this.#database.close();
  }

  /** When somebody removes or replaces the file, we must not go on in the one that nobody else can see. */
  #followFile(): void {
    if (identify(this.path) === this.#identity) return;
    this.#statements.clear();
    this.#database.close();
    this.#database = open(this.path);
    this.#identity = identify(this.path);
  }
}

function open(path: string): Database.Database {
  let database: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
    }
    const opened = new Database(path, { timeout: busyTimeoutMs });
    database = opened;
    opened.pragma("journal_mode = WAL");
    // A power cut may cost the last results, but never the file; the tasks themselves are the broker's concern.
    opened.pragma("synchronous = NORMAL");
    opened.transaction(() => prepareSchema(opened, path)).immediate();
    return opened;
  } catch (error) {
    database?.close();
    throw fileFailure(path, error);
  }
}

/** Several processes may open one new file. */
function prepareSchema(database: Database.Database, path: string): void {
  const found = Number(database.pragma("user_version", { simple: true }));
  const owner = Number(database.pragma("application_id", { simple: true }));
  const isEmpty = database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
  if (isEmpty && found === 0 && owner === 0) {
    database.exec(tables);
    database.pragma(`application_id = ${applicationId}`);
    database.pragma(`user_version = ${version}`);
    return;
  }
  if (owner !== applicationId) {
    const hint = "name a file of its own for results; it is created when it is missing";
    throw new LovageError("result", `${path} is a SQLite file, but not one of Lovage's results`, { hint });
  }
  if (found <= version) return;
  const hint = "upgrade Lovage here, or name another file";
  throw new LovageError("result", `${path} was written by a newer Lovage (format ${found}, known is ${version})`, {
    hint,
  });
}

function identify(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "" : `${stat.dev}:${stat.ino}`;
}

function fileFailure(path: string, error: unknown): LovageError {
  if (error instanceof LovageError) return error;
  const [reason, hint] = explain(path, codeOf(error), messageOf(error));
  return new LovageError("result", `result file ${path}: ${reason}`, { hint, cause: error });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

function explain(path: string, code: string, text: string): readonly [reason: string, hint?: string] {
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return ["it is damaged, or not a SQLite file", "move it and its -wal and -shm files away; a new one is created"];
  }
  if (code === "EISDIR") return ["it is a folder", "name a file in it"];
  if (/^(SQLITE_(READONLY|PERM|CANTOPEN)|EACCES|EPERM|EROFS)/.test(code)) {
    return [`user ${userName()} may not write it or its folder`, `give that user write access to ${dirname(path)}`];
  }
  if (code.startsWith("SQLITE_BUSY")) {
    return ["another process holds it locked", "close whatever has it open, such as a sqlite3 shell"];
  }
  if (code === "SQLITE_FULL" || code === "ENOSPC") return ["the disk is full", "make room"];
  if (code === "ENOTDIR" || code === "EEXIST") return [`part of ${dirname(path)} is a file, not a folder`];
  return [text];
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "this");
  }
}
