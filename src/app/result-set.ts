// Several results awaited together: what a group gives, or any results that somebody puts in one set.
import type { ResultTuple } from "../protocol/result-meta.ts";
import { collectResults, type GetOptions, type ResultNode } from "./result-node.ts";

/** A member of a set: a single result, or a set itself. */
export interface SetMember extends ResultNode {
  successful(): Promise<boolean>;
  failed(): Promise<boolean>;
  revoke(options?: { readonly terminate?: boolean; readonly signal?: string }): Promise<void>;
}

export interface ResultSetParts {
  /** The id of the group. */
  readonly id?: string;
  readonly parent?: ResultNode | null;
}

/** Celery's `ResultSet` and `GroupResult`: `await new ResultSet([first, second]).get({ timeout: 10 })`. */
export class ResultSet<T = unknown> implements SetMember {
  /** The id of the group; empty where there is none. */
  readonly id: string;
  readonly parent: ResultNode | null;
  readonly results: readonly SetMember[];

  constructor(results: Iterable<SetMember>, { id = "", parent = null }: ResultSetParts = {}) {
    this.id = id;
    this.parent = parent;
    this.results = Object.freeze([...results]);
    Object.freeze(this);
  }

  get length(): number {
    return this.results.length;
  }

  /**
   * All values, in the order of the results.
   *
   * @throws what {@link AsyncResult.get} throws, for the first of them that fails
   */
  async get(options: GetOptions = {}): Promise<T[]> {
    // When one has failed, nobody waits for the others any more.
    const ending = new AbortController();
    const abort = (): void => ending.abort(options.signal?.reason);
    if (options.signal?.aborted) abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      const getting = { ...options, signal: ending.signal };
      return (await Promise.all(this.results.map((result) => result.get(getting)))) as T[];
    } finally {
      options.signal?.removeEventListener("abort", abort);
      ending.abort();
    }
  }

  /** Celery's other name for {@link get}. */
  join(options: GetOptions = {}): Promise<T[]> {
    return this.get(options);
  }

  /** How many have succeeded. */
  async completedCount(): Promise<number> {
    return (await this.#ask((result) => result.successful())).filter(Boolean).length;
  }

  /** Whether all are ready. */
  async ready(): Promise<boolean> {
    return (await this.#ask((result) => result.ready())).every(Boolean);
  }

  /** Whether any is not ready. */
  async waiting(): Promise<boolean> {
    return !(await this.ready());
  }

  /** Whether all have succeeded. */
  async successful(): Promise<boolean> {
    return (await this.#ask((result) => result.successful())).every(Boolean);
  }

  /** Whether any has failed. */
  async failed(): Promise<boolean> {
    return (await this.#ask((result) => result.failed())).some(Boolean);
  }

  async children(): Promise<readonly ResultNode[]> {
    return this.results;
  }

  /** Every result below with its value, waited for. */
  collect(
    options: GetOptions & { readonly intermediate?: boolean } = {},
  ): AsyncGenerator<readonly [result: ResultNode, value: unknown]> {
    return collectResults(this, options);
  }

  async forget(): Promise<void> {
    await this.#ask((result) => result.forget());
  }

  async revoke(options: { readonly terminate?: boolean; readonly signal?: string } = {}): Promise<void> {
    await this.#ask((result) => result.revoke(options));
  }

  asTuple(): ResultTuple {
    return [[this.id, this.parent?.asTuple() ?? null], this.results.map((result) => result.asTuple())];
  }

  toString(): string {
    return this.id;
  }

  #ask<Answer>(question: (result: SetMember) => Promise<Answer>): Promise<Answer[]> {
    return Promise.all(this.results.map(question));
  }
}
