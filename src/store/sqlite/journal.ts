// Changes land here first when they come by the thousand: one cheap row each few dozen, folded into the tables when
// the burst is over and in slices so short that nothing due has to wait for them.
import type { Database, Statement } from "better-sqlite3";
import type { Clock } from "../../clock.ts";
import { createState, type KnownState } from "../changes.ts";
import type { Changes } from "../store.ts";
import { isDamage } from "./access.ts";
import type { Rows } from "./rows.ts";

/** States and runs to a slice: about two milliseconds of work. */
const SLICE = 64;

/** The pause before folding begins, and between slices. */
const FIRST_WAIT_MS = 250;
const NEXT_WAIT_MS = 2;

/** Slices that may be folded in one go: a stop must not keep anyone waiting. */
const QUICKLY_FOLDED = 32;

interface Part {
  readonly id: number | bigint;
  readonly changes: Changes;
}

export interface JournalOptions {
  readonly rows: Rows;
  readonly clock: Clock;
  /** Throws when this process may not write any more; asked in every transaction. */
  readonly guard: () => void;
}

export class Journal {
  readonly #database: Database;
  readonly #rows: Rows;
  readonly #clock: Clock;
  readonly #guard: () => void;
  readonly #stopping = new AbortController();
  readonly #append: Statement<[string]>;
  readonly #remove: Statement<[number | bigint]>;
  readonly #foldAtOnce: (parts: readonly Part[]) => void;
  #parts: Part[] = [];
  #folding = false;
  #failure: unknown = null;

  constructor(database: Database, { rows, clock, guard }: JournalOptions) {
    this.#database = database;
    this.#rows = rows;
    this.#clock = clock;
    this.#guard = guard;
    this.#append = database.prepare("INSERT INTO journal (changes) VALUES (?)");
    this.#remove = database.prepare("DELETE FROM journal WHERE id = ?");
    this.#foldAtOnce = database.transaction((parts: readonly Part[]) => {
      guard();
      for (const part of parts) this.#fold(part);
    });
  }

  /** What is written down but not in the tables yet, oldest first. */
  *pending(): Iterable<Changes> {
    for (const part of this.#parts) yield part.changes;
  }

  /** Within the caller's transaction; what it returns is to be called when that has been committed. */
  write(changes: Changes): () => void {
    this.#guard();
    this.#assertSound();
    if (this.#parts.length === 0 && sizeOf(changes) <= SLICE) {
      this.#rows.apply(changes, this.#clock.now());
      if ((changes.forget ?? []).length > 0) this.#rows.expire(this.#clock.now());
      return () => undefined;
    }
    const parts = split(changes).map((part) => ({
      id: this.#append.run(JSON.stringify(part)).lastInsertRowid,
      changes: part,
    }));
    return () => {
      this.#parts.push(...parts);
      this.#startFolding();
    };
  }

  /** What the process before did not get to. */
  takeOver(): void {
    this.#parts = readParts(this.#database);
    this.#startFolding();
  }

  /** Folds what is quickly folded; the rest is as safe where it is, and the next start goes on. */
  stop(): void {
    this.#stopping.abort();
    this.#assertSound();
    if (this.#parts.length > QUICKLY_FOLDED) return;
    this.#foldAtOnce(this.#parts);
    this.#parts = [];
  }

  /** Damage met while folding was nobody's call then; whoever writes next has to hear of it. */
  #assertSound(): void {
    if (isDamage(this.#failure)) throw this.#failure;
  }

  #startFolding(): void {
    if (!this.#folding && this.#parts.length > 0) void this.#foldSlowly();
  }

  async #foldSlowly(): Promise<void> {
    this.#folding = true;
    await this.#clock.sleep(FIRST_WAIT_MS, this.#stopping.signal);
    try {
      for (let part = this.#parts[0]; part !== undefined && !this.#stopping.signal.aborted; part = this.#parts[0]) {
        this.#foldAtOnce([part]);
        this.#parts.shift();
        await this.#clock.sleep(NEXT_WAIT_MS, this.#stopping.signal);
      }
    } catch (error) {
      // Nothing is lost: the part stays in the journal, and the next change or the next start tries again.
      this.#failure = error;
    } finally {
      this.#folding = false;
    }
  }

  #fold(part: Part): void {
    this.#rows.apply(part.changes, this.#clock.now());
    this.#remove.run(part.id);
  }
}

/** The journal of a record that somebody else may be writing, oldest first. */
export function readJournal(database: Database): Changes[] {
  return readParts(database).map((part) => part.changes);
}

function readParts(database: Database): Part[] {
  const rows = database
    .prepare<[], { id: number; changes: string }>("SELECT id, changes FROM journal ORDER BY id")
    .all();
  return rows.map(({ id, changes }) => ({ id, changes: readChanges(changes) }));
}

/** What was left by an older version has states of its own form. */
function readChanges(text: string): Changes {
  const changes = JSON.parse(text) as Changes & { readonly states?: readonly KnownState[] };
  return changes.states === undefined ? changes : { ...changes, states: changes.states.map(createState) };
}

function sizeOf({ states = [], runs = [], forget = [] }: Changes): number {
  return Math.max(states.length, runs.length, forget.length);
}

/** The same changes in order, a slice at a time. */
function split(changes: Changes): Changes[] {
  const { states = [], runs = [], forget = [] } = changes;
  const parts: Changes[] = [];
  for (let from = 0; from < forget.length; from += SLICE) parts.push({ forget: forget.slice(from, from + SLICE) });
  for (let from = 0; from < Math.max(states.length, runs.length); from += SLICE) {
    parts.push({ states: states.slice(from, from + SLICE), runs: runs.slice(from, from + SLICE) });
  }
  return parts;
}
