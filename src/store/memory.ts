// A beat-record for as long as the process lives: `-s :memory:`, and tests.
import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { applyToStates, assertStorable, DEFAULT_HISTORY, FORGOTTEN_HISTORY_MS } from "./changes.ts";
import type { Changes, EntryState, Run, Store, StoredState } from "./store.ts";

export interface MemoryStoreOptions {
  readonly clock?: Clock | undefined;
  /** How many runs are kept per entry. */
  readonly history?: number | undefined;
}

export class MemoryStore implements Store {
  readonly location = ":memory:";
  readonly #id = randomUUID();
  readonly #states = new Map<string, EntryState>();
  readonly #runs = new Map<string, Run[]>();
  readonly #forgottenAt = new Map<string, number>();
  readonly #clock: Clock;
  readonly #limit: number;
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#limit = options.history ?? DEFAULT_HISTORY;
  }

  async load(): Promise<StoredState> {
    this.#assertOpen();
    return { id: this.#id, entries: new Map(this.#states) };
  }

  async record(changes: Changes): Promise<void> {
    this.#assertOpen();
    assertStorable(changes);
    applyToStates(this.#states, changes);
    for (const run of changes.runs ?? []) this.#append(run);
    this.#forgetHistory(changes.forget ?? []);
  }

  async history(entry: string, limit: number): Promise<readonly Run[]> {
    this.#assertOpen();
    return (this.#runs.get(entry) ?? []).slice(-Math.min(limit, this.#limit)).reverse();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #append(run: Run): void {
    const runs = this.#runs.get(run.entry) ?? [];
    runs.push(run);
    if (runs.length > this.#limit) runs.shift();
    this.#runs.set(run.entry, runs);
  }

  #forgetHistory(names: readonly string[]): void {
    if (names.length === 0) return;
    const now = this.#clock.now();
    for (const name of names) this.#forgottenAt.set(name, now);
    for (const [name, at] of this.#forgottenAt) {
      if (now - at < FORGOTTEN_HISTORY_MS) continue;
      this.#forgottenAt.delete(name);
      if (!this.#states.has(name)) this.#runs.delete(name);
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new LovageError("store", "the beat-record :memory: is closed");
  }
}
