// Those who wait for results: by task, each told of every new state once, and let go when the task is ready.
import { isReady, type ResultMeta } from "../protocol/result-meta.ts";
import type { WaitOptions } from "./result.ts";

interface Waiter {
  readonly id: string;
  readonly onMeta: ((meta: ResultMeta) => void) | undefined;
  readonly finish: (meta: ResultMeta | null) => void;
  readonly fail: (error: unknown) => void;
  /** What it heard last: a look may come upon the same again. */
  heard: string;
}

export interface WaitingHooks {
  /** Somebody waits for a task that nobody waited for. */
  readonly onFirst?: (id: string) => void;
  /** Nobody waits for it any more. */
  readonly onLast?: (id: string) => void;
}

export class Waiting {
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #hooks: WaitingHooks;

  constructor(hooks: WaitingHooks = {}) {
    this.#hooks = hooks;
  }

  /** The tasks somebody waits for. */
  get ids(): readonly string[] {
    return [...this.#waiters.keys()];
  }

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /**
   * Resolves with the ready meta, or with null when the signal is aborted first or all are let go; rejects with what its
   * `onMeta` throws.
   */
  add(id: string, { signal, onMeta }: WaitOptions = {}): Promise<ResultMeta | null> {
    if (signal?.aborted) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener("abort", giveUp);
        this.#remove(waiter);
      };
      const finish = (meta: ResultMeta | null): void => {
        leave();
        resolve(meta);
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error);
      };
      const giveUp = (): void => finish(null);
      const waiter: Waiter = { id, onMeta, finish, fail, heard: "" };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#insert(waiter);
    });
  }

  /** @param text tells one state of a task from the next */
  tell(id: string, meta: ResultMeta, text: string): void {
    for (const waiter of this.#of(id)) {
      if (waiter.heard === text) continue;
      waiter.heard = text;
      tellOne(waiter, meta);
    }
  }

  /** What is kept of the task cannot be read: nobody need wait for more. */
  fail(id: string, error: unknown): void {
    for (const waiter of this.#of(id)) waiter.fail(error);
  }

  /** Lets everybody go with null. */
  end(): void {
    for (const waiter of this.ids.flatMap((id) => this.#of(id))) waiter.finish(null);
  }

  /** A copy: whoever is told leaves. */
  #of(id: string): readonly Waiter[] {
    return Array.from(this.#waiters.get(id) ?? []);
  }

  #insert(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.id);
    if (waiters !== undefined) {
      waiters.add(waiter);
      return;
    }
    this.#waiters.set(waiter.id, new Set([waiter]));
    this.#hooks.onFirst?.(waiter.id);
  }

  #remove(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.id);
    if (waiters === undefined || !waiters.delete(waiter) || waiters.size > 0) return;
    this.#waiters.delete(waiter.id);
    this.#hooks.onLast?.(waiter.id);
  }
}

function tellOne(waiter: Waiter, meta: ResultMeta): void {
  try {
    waiter.onMeta?.(meta);
  } catch (error) {
    waiter.fail(error);
    return;
  }
  if (isReady(meta.state)) waiter.finish(meta);
}
