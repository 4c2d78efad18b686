// Results in this process's memory, for tests and eager projects: one store for each name, gone with its last user.
import type { Clock, Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { readResult, writeResult } from "../protocol/result-json.ts";
import type { ResultMeta, ResultRecord } from "../protocol/result-meta.ts";
import { type ChordShelf, MemoryChords } from "./memory-chords.ts";
import type { OpenResultOptions } from "./open.ts";
import type { ResultBackend, WaitOptions } from "./result.ts";
import { Waiting } from "./waiting.ts";

interface Kept {
  readonly text: string;
  readonly state: string;
  readonly expiresAt: Instant;
}

interface Store {
  readonly results: Map<string, Kept>;
  readonly chords: ChordShelf;
  readonly users: Set<MemoryResults>;
}

const stores = new Map<string, Store>();

export class MemoryResults implements ResultBackend {
  readonly url: string;
  readonly expiresByItself = false;
  readonly chords: MemoryChords;
  readonly #clock: Clock;
  readonly #expiresMs: number;
  readonly #store: Store;
  readonly #waiting = new Waiting();
  #closed = false;

  constructor(url: string, { clock, expiresMs }: Required<OpenResultOptions>) {
    this.url = url;
    this.#clock = clock;
    this.#expiresMs = expiresMs ?? Number.POSITIVE_INFINITY;
    this.#store = stores.get(url) ?? { results: new Map(), chords: new Map(), users: new Set() };
    this.#store.users.add(this);
    stores.set(url, this.#store);
    const { chords: shelf } = this.#store;
    this.chords = new MemoryChords({ shelf, clock, expiresMs: this.#expiresMs, checkOpen: () => this.#checkOpen() });
  }

  async put(records: readonly ResultRecord[]): Promise<void> {
    this.#checkOpen();
    const expiresAt = this.#clock.now() + this.#expiresMs;
    for (const record of records) {
      if (this.#find(record.taskId)?.state === "SUCCESS") continue;
      const text = writeResult(record);
      this.#store.results.set(record.taskId, { text, state: record.state, expiresAt });
      for (const user of this.#store.users) user.#waiting.tell(record.taskId, readResult(text), text);
    }
  }

  async get(ids: readonly string[]): Promise<readonly (ResultMeta | null)[]> {
    this.#checkOpen();
    return ids.map((id) => {
      const kept = this.#find(id);
      return kept === undefined ? null : readResult(kept.text);
    });
  }

  async wait(id: string, options: WaitOptions = {}): Promise<ResultMeta | null> {
    this.#checkOpen();
    const ready = this.#waiting.add(id, options);
    const kept = this.#find(id);
    if (kept !== undefined) this.#waiting.tell(id, readResult(kept.text), kept.text);
    return ready;
  }

  async forget(ids: readonly string[]): Promise<void> {
    this.#checkOpen();
    for (const id of ids) this.#store.results.delete(id);
  }

  async cleanup(): Promise<number> {
    this.#checkOpen();
    const before = this.#store.results.size;
    for (const id of this.#store.results.keys()) {
      if (this.#find(id) === undefined) this.#store.results.delete(id);
    }
    return before - this.#store.results.size + this.chords.cleanup();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.end();
    this.#store.users.delete(this);
    if (this.#store.users.size === 0) stores.delete(this.url);
  }

  #find(id: string): Kept | undefined {
    const kept = this.#store.results.get(id);
    return kept !== undefined && kept.expiresAt > this.#clock.now() ? kept : undefined;
  }

  #checkOpen(): void {
    if (this.#closed) throw new LovageError("result", `the result backend ${this.url} is closed`);
  }
}
