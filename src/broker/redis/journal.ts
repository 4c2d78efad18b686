// Marks of large batches: one record a batch when it is sent, folded into the hash of marks once there is time. A hash takes
// longer to write than the messages themselves; a record is one string. Whoever reads marks reads both.
import { toUSVString } from "node:util";
import type { Clock, Instant } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Emit } from "../../event.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { runScript } from "../../redis/script.ts";
import { type Mark, RefusedError, StaleTermError } from "../broker.ts";
import { wrongKind } from "./failure.ts";
import { foldScript, readMisfit, scopeKeys } from "./scripts.ts";

export interface Term {
  readonly scope: string;
  readonly term: number;
}

export interface JournalOptions {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** After a burst the workers come first. */
const restMs = 1000;
/** Between two records: folding takes Redis about half a millisecond each. */
const pauseMs = 5;
/** With so many waiting there is no pause. */
const manyRecords = 400;
const where = "folding marks on the broker";

/** As the fold script reads it. A name that is not proper Unicode is written as it would be on the wire. */
export function journalRecord(marks: readonly Mark[]): string {
  const pairs: string[] = [];
  for (const { entry, dueAt } of marks) pairs.push(toUSVString(entry), String(dueAt));
  return JSON.stringify(pairs);
}

export class Journal {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #closing = new AbortController();
  #isFolding = false;

  constructor({ connection, prefix, clock, emit }: JournalOptions) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#emit = emit;
  }

  /** There is a record, or may be one. */
  noteRecord(of: Term): void {
    this.#connection.declared.delete(emptyUnder(of));
  }

  /** @throws StaleTermError when the term is over */
  async foldAll(of: Term): Promise<void> {
    // Under a term nobody else writes records.
    if (this.#connection.declared.has(emptyUnder(of))) return;
    while ((await this.#fold(of)) > 0);
    this.#connection.declared.add(emptyUnder(of));
  }

  /** In the background, when the burst is over. What is not folded then is left to the next. */
  foldSoon(of: Term): void {
    if (this.#isFolding || this.#closing.signal.aborted) return;
    this.#isFolding = true;
    this.#foldSlowly(of)
      .catch((error: unknown) => this.#tell(error))
      .finally(() => {
        this.#isFolding = false;
      });
  }

  close(): void {
    this.#closing.abort();
  }

  async #foldSlowly(of: Term): Promise<void> {
    const { signal } = this.#closing;
    await this.#clock.sleep(restMs, signal);
    for (let left = 1; left > 0 && !signal.aborted; ) {
      left = await this.#fold(of);
      if (left < manyRecords) await this.#clock.sleep(pauseMs, signal);
    }
  }

  /** Whoever publishes hears for himself that the connection is lost or the term over. */
  #tell(error: unknown): void {
    if (!(error instanceof LovageError) || error instanceof StaleTermError) return;
    const isOurs = error instanceof RefusedError || error.cause === undefined;
    if (isOurs) this.#emit({ type: "failure", where, reason: error.message });
  }

  async #fold({ scope, term }: Term): Promise<number> {
    const { term: termKey, marks, journal } = scopeKeys(this.#prefix, scope);
    const keys = [termKey, marks, journal];
    const left = await this.#connection.run((client) => runScript(client, foldScript, keys, [String(term)]), keys);
    const misfit = readMisfit(left);
    if (misfit !== null) throw wrongKind(misfit.key, misfit.kind, misfit.wanted);
    if (left === "stale") throw new StaleTermError(scope, term);
    if (typeof left !== "number") throw new LovageError("broker", "Redis gave an answer that is not understood");
    return left;
  }
}

function emptyUnder({ scope, term }: Term): string {
  return `empty journal ${term} ${scope}`;
}

/** The marks of a record that is not folded yet; what is no record of ours tells nothing. */
export function readRecord(record: string): readonly Mark[] {
  const pairs = parse(record);
  if (!Array.isArray(pairs)) return [];
  const marks: Mark[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [entry, due] = [pairs[index], pairs[index + 1]] as readonly unknown[];
    const dueAt = typeof due === "string" ? parseMark(due) : null;
    if (typeof entry === "string" && dueAt !== null) marks.push({ entry, dueAt });
  }
  return marks;
}

/** As the scripts read it: what is no number is no mark, and the next publish writes over it. */
export function parseMark(text: string): Instant | null {
  const dueAt = /^-?\d+\.?\d*$/.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(dueAt) ? dueAt : null;
}

function parse(record: string): unknown {
  try {
    return JSON.parse(record);
  } catch {
    return null;
  }
}
