// Results in a SQLite file that the processes of a host share; the file itself tells them when there is something new.
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import { readResult, writeResult } from "../../protocol/result-json.ts";
import type { ResultMeta, ResultRecord } from "../../protocol/result-meta.ts";
import type { OpenResultOptions } from "../open.ts";
import type { ResultBackend, WaitOptions } from "../result.ts";
import { Waiting } from "../waiting.ts";
import { SqliteChords } from "./chord.ts";
import { pathOf, ResultFile } from "./file.ts";

/** A transaction holds up this process and, for writing, all others: some milliseconds at most. */
const rowsPerTransaction = 500;
const rowsPerCleanup = 5000;
/** Where the file system tells nothing of changes, or too late. */
const lookEveryMs = 500;

const upsert = `
  INSERT INTO result VALUES (?, ?, ?, ?)
  ON CONFLICT (task_id) DO UPDATE
    SET state = excluded.state, text = excluded.text, expires_at = excluded.expires_at
    WHERE result.state <> 'SUCCESS' OR result.expires_at <= ?`;
const select = `
  SELECT task_id AS id, text FROM result
  WHERE task_id IN (SELECT value FROM json_each(?)) AND (expires_at IS NULL OR expires_at > ?)`;
const expire = `
  DELETE FROM result WHERE task_id IN (SELECT task_id FROM result WHERE expires_at <= ? LIMIT ${rowsPerCleanup})`;

export class SqliteResults implements ResultBackend {
  readonly url: string;
  readonly expiresByItself = false;
  readonly chords: SqliteChords;
  readonly #file: ResultFile;
  readonly #clock: Clock;
  readonly #expiresMs: number | null;
  readonly #waiting: Waiting;
  #watcher: FSWatcher | undefined;
  #looking: AbortController | undefined;
  #lookIsDue = false;

  /** @throws LovageError when the file cannot be opened or created */
  constructor(url: string, { clock, expiresMs }: Required<OpenResultOptions>) {
    this.url = url;
    this.#clock = clock;
    this.#expiresMs = expiresMs;
    this.#file = new ResultFile(pathOf(url));
    this.chords = new SqliteChords({ file: this.#file, clock, expiresMs });
    this.#waiting = new Waiting({ onFirst: () => this.#startLooking(), onLast: () => this.#stopLooking() });
  }

  async put(records: readonly ResultRecord[]): Promise<void> {
    const rows = records.map((record) => ({ id: record.taskId, state: record.state, text: writeResult(record) }));
    for (let start = 0; start < rows.length; start += rowsPerTransaction) {
      if (start > 0) await setImmediate();
      const now = this.#clock.now();
      const expiresAt = this.#expiresMs === null ? null : now + this.#expiresMs;
      const kept = this.#file.transaction(() =>
        rows.slice(start, start + rowsPerTransaction).filter(({ id, state, text }) => {
          return this.#file.statement(upsert).run(id, state, text, expiresAt, now).changes > 0;
        }),
      );
      // Those of this process need not wait for the file to tell them, and hear of every state.
      for (const { id, text } of kept) this.#tell(id, text);
    }
  }

  async get(ids: readonly string[]): Promise<readonly (ResultMeta | null)[]> {
    const texts = this.#read(ids);
    return ids.map((id) => {
      const text = texts.get(id);
      return text === undefined ? null : readResult(text);
    });
  }

  async wait(id: string, options: WaitOptions = {}): Promise<ResultMeta | null> {
    const text = this.#read([id]).get(id);
    const ready = this.#waiting.add(id, options);
    if (text !== undefined) this.#tell(id, text);
    return ready;
  }

  async forget(ids: readonly string[]): Promise<void> {
    this.#file.transaction(() => {
      const drop = this.#file.statement("DELETE FROM result WHERE task_id = ?");
      for (const id of ids) drop.run(id);
    });
  }

  async cleanup(): Promise<number> {
    const now = this.#clock.now();
    for (let removed = this.chords.cleanup(); ; await setImmediate()) {
      const { changes } = this.#file.transaction(() => this.#file.statement(expire).run(now));
      removed += changes;
      if (changes < rowsPerCleanup) return removed;
    }
  }

  async close(): Promise<void> {
    this.#waiting.end();
    this.#file.close();
  }

  #read(ids: readonly string[]): ReadonlyMap<string, string> {
    const rows = this.#file.guarded(() => this.#file.statement(select).all(JSON.stringify(ids), this.#clock.now()));
    return new Map((rows as { id: string; text: string }[]).map(({ id, text }) => [id, text]));
  }

  #tell(id: string, text: string): void {
    try {
      this.#waiting.tell(id, readResult(text), text);
    } catch (error) {
      this.#waiting.fail(id, error);
    }
  }

  #startLooking(): void {
    if (this.#looking !== undefined) return;
    this.#looking = new AbortController();
    this.#watcher = this.#watch();
    void this.#lookAgain(this.#looking.signal);
  }

  #stopLooking(): void {
    if (!this.#waiting.isEmpty) return;
    this.#looking?.abort();
    this.#looking = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Watches may be used up, or the file system may have none: the look now and then is enough to go by. */
  #watch(): FSWatcher | undefined {
    const name = basename(this.#file.path);
    try {
      const watcher = watch(dirname(this.#file.path), { persistent: false }, (_, changed) => {
        if (changed === null || changed.startsWith(name)) this.#lookSoon();
      });
      return watcher.on("error", () => watcher.close());
    } catch {
      return undefined;
    }
  }

  /** One write is several changes to the file. */
  #lookSoon(): void {
    if (this.#lookIsDue) return;
    this.#lookIsDue = true;
    void setImmediate().then(() => {
      this.#lookIsDue = false;
      this.#look();
    });
  }

  #look(): void {
    if (this.#waiting.isEmpty) return;
    try {
      for (const [id, text] of this.#read(this.#waiting.ids)) this.#tell(id, text);
    } catch {
      // Locked or gone for the moment; there will be another look.
    }
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(lookEveryMs, signal);
      if (signal.aborted) return;
      this.#look();
    }
  }
}
