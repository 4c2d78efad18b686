// The file of results, shared by several processes of one host.
import type { Statement } from "better-sqlite3";
import { SqliteFile } from "../../sqlite/file.ts";
import type { FileFormat, FileWords } from "../../sqlite/format.ts";
import { parseSqliteUrl } from "../../sqlite/url.ts";

// A power cut may cost the last results, but never the file; the tasks themselves are the broker's concern. Transactions
// take milliseconds; the wait blocks this process, so it must not be long either.
const options = { busyTimeoutMs: 2000, durable: false };

const words: FileWords = Object.freeze({
  code: "result",
  file: "result",
  url: "result backend",
  purpose: "results",
  kind: "one of Lovage's results",
  example: "results.db",
});

const format: FileFormat = Object.freeze({
  words,
  // "LvRs"
  applicationId: 0x4c765273,
  tables: `
    CREATE TABLE result (
      task_id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      text TEXT NOT NULL,
      expires_at REAL
    ) STRICT;
    CREATE INDEX result_expires ON result (expires_at) WHERE expires_at IS NOT NULL;
  `,
  migrations: [],
});

/** The absolute path of the file that a URL names. */
export function pathOf(url: string): string {
  return parseSqliteUrl(url, words);
}

export class ResultFile {
  readonly #file: SqliteFile;

  /** Opens the file, and creates it and its folder where they are missing. */
  constructor(path: string) {
    this.#file = new SqliteFile(path, { ...options, format });
  }

  get path(): string {
    return this.#file.path;
  }

  /** Runs `work` as one transaction that nobody else writes in. */
  transaction<T>(work: () => T): T {
    return this.#file.transaction(work);
  }

  /** Turns what SQLite throws into a LovageError("result"). */
  guarded<T>(work: () => T): T {
    return this.#file.read(work);
  }

  statement(sql: string): Statement {
    return this.#file.statement(sql);
  }

  close(): void {
    this.#file.close();
  }
}
