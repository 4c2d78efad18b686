// Makes the pool that a name stands for, in our words or in Celery's.
import { LovageError, didYouMean } from "../../error.ts";
import { InProcessPool } from "./in-process-pool.ts";
import type { Pool } from "./pool.ts";
import type { PoolOptions } from "./pool-options.ts";
import { PreforkPool } from "./prefork-pool.ts";

export type PoolKind = Pool["kind"];

const KINDS: ReadonlyMap<string, PoolKind> = new Map([
  ["prefork", "prefork"],
  ["async", "async"],
  ["solo", "solo"],
  ["processes", "prefork"],
  ["threads", "async"],
  ["gevent", "async"],
  ["eventlet", "async"],
]);

/**
 * The kind that a name stands for: Celery's `processes` is `prefork`; its `threads`, `gevent` and `eventlet`, all for I/O,
 * are `async`.
 *
 * @throws {LovageError} when it stands for none
 */
export function poolKind(name: string): PoolKind {
  const kind = KINDS.get(name.toLowerCase());
  if (kind !== undefined) return kind;
  const near = didYouMean(name, KINDS.keys());
  throw new LovageError("usage", `there is no pool ${JSON.stringify(name)}`, {
    hint: near === null ? "the pools are prefork, async and solo" : `did you mean ${near}?`,
  });
}

/**
 * A pool, not yet started.
 *
 * @param name as {@link poolKind} takes it
 * @throws {LovageError} when there is no such pool, or it cannot have that size
 */
export function createPool(name: string, options: PoolOptions): Pool {
  const kind = poolKind(name);
  return kind === "prefork" ? new PreforkPool(options) : new InProcessPool(kind, options);
}
