// A file that several processes of one host share: short immediate transactions, all of them whole or not at all.
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { LovageError } from "../error.ts";
import { fileFailure } from "./failure.ts";
import { type FileFormat, isPrepared, prepare } from "./format.ts";

export interface FileOptions {
  readonly format: FileFormat;
  /** For how long to wait for another writer. The wait holds up this whole process. */
  readonly busyTimeoutMs: number;
  /** What is committed outlasts a power cut, not only a crash. It costs a write to the disk each time. */
  readonly durable: boolean;
}

export class SqliteFile {
  /** Absolute. */
  readonly path: string;
  readonly #options: FileOptions;
  #generation = 0;
  #database: Database.Database;
  #identity: string;
  #closed = false;
  readonly #statements = new Map<string, Database.Statement>();

  /**
   * Opens the file, and creates it and its folder where they are missing.
   *
   * @throws LovageError, with the code of the format, when it cannot be opened or is not of this format
   */
  constructor(path: string, options: FileOptions) {
    this.path = path;
    this.#options = options;
    this.#database = open(path, options);
    this.#identity = identify(path);
  }

  /** Counts on when the file was removed or replaced: what was known of the old one is not true of the new. */
  get generation(): number {
    return this.#generation;
  }

  /** Changes with every commit of another connection. */
  get version(): string {
    return this.read(() => `${this.#generation}:${String(this.statement("PRAGMA data_version").pluck().get())}`);
  }

  /** Runs `work` as one transaction that nobody else writes in. */
  transaction<T>(work: () => T): T {
    return this.read(() => this.#database.transaction(work).immediate());
  }

  /** The same for what nobody would miss after a power cut. */
  looseTransaction<T>(work: () => T): T {
    return this.read(() => {
      this.#database.pragma("synchronous = NORMAL");
      try {
        return this.#database.transaction(work).immediate();
      } finally {
        this.#database.pragma(synchronous(this.#options));
      }
    });
  }

  /** Reads, on what was last committed. What SQLite throws becomes a LovageError that says what to do. */
  read<T>(work: () => T): T {
    const { words } = this.#options.format;
    if (this.#closed) throw new LovageError(words.code, `the ${words.file} file ${this.path} is closed`);
    try {
      this.#followFile();
      return work();
    } catch (error) {
      throw fileFailure(words, this.path, error);
    }
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
    this.#database = open(this.path, this.#options);
    this.#generation += 1;
    this.#identity = identify(this.path);
  }
}

function open(path: string, options: FileOptions): Database.Database {
  const { format, busyTimeoutMs } = options;
  let database: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
    }
    const opened = new Database(path, { timeout: busyTimeoutMs });
    database = opened;
    opened.pragma("journal_mode = WAL");
    opened.pragma(synchronous(options));
    if (!isPrepared(opened, format)) opened.transaction(() => prepare(opened, format, path)).immediate();
    return opened;
  } catch (error) {
    database?.close();
    throw fileFailure(format.words, path, error);
  }
}

function synchronous({ durable }: FileOptions): string {
  return `synchronous = ${durable ? "FULL" : "NORMAL"}`;
}

function identify(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "" : `${stat.dev}:${stat.ino}`;
}
