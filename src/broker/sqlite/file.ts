// The broker's file, shared by several processes of one host: short immediate transactions, all of them whole or not at all.
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { fileFailure } from "./failure.ts";
import { prepareSchema } from "./schema.ts";

// Transactions take milliseconds; the wait blocks this process, so it must not be long either.
const busyTimeoutMs = 2000;

export class BrokerFile {
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
    return this.#guarded(() => this.#database.transaction(work).immediate());
  }

  /** Reads, on what was last committed. */
  read<T>(work: () => T): T {
    return this.#guarded(work);
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

  #guarded<T>(work: () => T): T {
    try {
      this.#followFile();
      return work();
    } catch (error) {
      throw fileFailure(this.path, error);
    }
  }

  /** When somebody removes or replaces the file, we must not go on in the one that nobody else can see. */
  #followFile(): void {
    if (this.#closed || identify(this.path) === this.#identity) return;
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
    // What is reported as sent must outlast a power cut, as a server's promise would.
    opened.pragma("synchronous = FULL");
    opened.transaction(() => prepareSchema(opened, path)).immediate();
    return opened;
  } catch (error) {
    database?.close();
    throw fileFailure(path, error);
  }
}

function identify(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "" : `${stat.dev}:${stat.ino}`;
}
