// Writes to the beat-record, and keeps what could not be written for the next time: a full disk must not stop the sending,
// and the broker's marks hold what matters meanwhile.
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Changes, EntryState, Run, Store } from "../store/store.ts";

/** History rows kept while the record cannot be written; the states are never given up. */
const runsKept = 10_000;
const runsWaiting = 300_000;

/** What goes into one transaction: all of a burst at once would hold the loop for half a second. */
const sliceSize = 2000;

type Slice = Required<Pick<Changes, "states" | "forget" | "runs">>;

export class Recorder {
  readonly #store: Store;
  readonly #emit: Emit;
  #states = new Map<string, EntryState>();
  #runs: Run[] = [];
  #forget = new Set<string>();
  #writing: Promise<void> | null = null;
  #isFailing = false;
  /** Of the lease that beat leads by: a shared record takes nothing from beats that led before. */
  term = 0;

  constructor(store: Store, emit: Emit) {
    this.#store = store;
    this.#emit = emit;
  }

  /** Resolves when the changes are written, or have to wait for the next call. Never rejects. */
  record(changes: Changes): Promise<void> {
    this.#keep(changes);
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  /** What waits to be written may be older than what others wrote meanwhile to a record they share; the history is not. */
  dropStates(): void {
    this.#states.clear();
    this.#forget.clear();
  }

  /** One write at a time: an older state must never come after a newer one. */
  async #writeAll(): Promise<void> {
    let toldTerm: number | null = null;
    while (this.#states.size + this.#runs.length + this.#forget.size > 0) {
      const slice = this.#takeSlice();
      const { term } = this;
      try {
        await this.#store.record({ ...slice, term });
        if (this.#isFailing) this.#emit({ type: "record-recovered" });
        this.#isFailing = false;
      } catch (error) {
        this.#isFailing = true;
        const isStale = error instanceof LovageError && error.code === "stale-term";
        if (!isStale || toldTerm !== term) this.#emit({ type: "record-failed", reason: messageOf(error) });
        // Whoever leads now knows better. What this beat made of it before stands in the marks.
        if (!isStale) return this.#takeBack(slice);
        toldTerm = term;
      }
    }
  }

  #takeSlice(): Slice {
    const states = firstOf(this.#states.values());
    for (const { name } of states) this.#states.delete(name);
    const forget = firstOf(this.#forget);
    for (const name of forget) this.#forget.delete(name);
    return { states, forget, runs: this.#runs.splice(0, sliceSize) };
  }

  /** What came in meanwhile is newer and stands. */
  #takeBack({ states, forget, runs }: Slice): void {
    const older = states.filter(({ name }) => !this.#forget.has(name)).map((state) => [state.name, state] as const);
    this.#forget = new Set([...forget.filter((name) => !this.#states.has(name)), ...this.#forget]);
    this.#states = new Map([...older, ...this.#states]);
    this.#runs = [...runs, ...this.#runs].slice(-runsKept);
  }

  #keep({ states = [], runs = [], forget = [] }: Changes): void {
    for (const name of forget) {
      this.#states.delete(name);
      this.#forget.add(name);
    }
    for (const state of states) {
      this.#forget.delete(state.name);
      this.#states.set(state.name, state);
    }
    for (const run of runs) this.#runs.push(run);
    // A record that does not answer must not take all memory.
    if (this.#runs.length > runsWaiting) this.#runs = this.#runs.slice(-runsKept);
  }
}

function firstOf<Item>(items: Iterable<Item>): readonly Item[] {
  const first: Item[] = [];
  for (const item of items) {
    if (first.length === sliceSize) break;
    first.push(item);
  }
  return first;
}
