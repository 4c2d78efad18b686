// Marks of large batches: one record a batch when it is sent, folded into the hash of marks once there is time. A hash takes
// longer to write than the messages themselves; a record is one string. Whoever reads marks reads both.
import { toUSVString } from "node:util";
import type { Redis } from "ioredis";
import type { Clock } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { runScript } from "../../redis/script.ts";
import { type Mark, StaleTermError } from "../broker.ts";
import { wrongKind } from "./failure.ts";
import { barrierScript, foldScript, readMisfit, scopeKeys } from "./scripts.ts";

export interface Term {
  readonly scope: string;
  readonly term: number;
}

/** After a burst the workers come first. */
const restMs = 1000;
/** Between two records: folding takes Redis about half a millisecond each. */
const pauseMs = 5;

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
  #folding: AbortController | null = null;
  #isClosed = false;

  constructor(connection: RedisConnection, prefix: string, clock: Clock) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  /** @throws StaleTermError when the term is over */
  async foldAll(of: Term): Promise<void> {
    while ((await this.#fold(of)) > 0);
  }

  /** In the background, when nothing more has come for a while. What is not folded then is left to the next. */
  foldSoon(of: Term): void {
    this.#folding?.abort();
    if (this.#isClosed) return;
    const folding = new AbortController();
    this.#folding = folding;
    this.#foldSlowly(of, folding.signal).catch(() => undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#folding?.abort();
  }

  /**
   * Once a connection, before anything is concluded from marks: what was on its way over the connection before can from
   * now on only be there already, or never come.
   */
  async barrier(client: Redis, scope: string): Promise<void> {
    const { term } = scopeKeys(this.#prefix, scope);
    const name = `barrier ${term}`;
    if (this.#connection.declared.has(name)) return;
    await runScript(client, barrierScript, [term], []);
    this.#connection.declared.add(name);
  }

  async #foldSlowly(of: Term, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(restMs, signal);
    while (!signal.aborted && (await this.#fold(of)) > 0) await this.#clock.sleep(pauseMs, signal);
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

/** The marks of records that are not folded yet; what is no record of ours tells nothing. */
export function readRecord(record: string): readonly Mark[] {
  const pairs = parse(record);
  if (!Array.isArray(pairs)) return [];
  const marks: Mark[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const dueAt = Number(pairs[index + 1]);
    if (typeof pairs[index] === "string" && Number.isFinite(dueAt)) marks.push({ entry: pairs[index], dueAt });
  }
  return marks;
}

function parse(record: string): unknown {
  try {
    return JSON.parse(record);
  } catch {
    return null;
  }
}
