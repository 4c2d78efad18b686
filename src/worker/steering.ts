// The worker as remote control, heartbeats and the command line see it: what it has in hand, and what it can be told.
import type { App } from "../app/app.ts";
import type { BoundQueue } from "../broker/consumer.ts";
import type { Instant } from "../clock.ts";
import type { Pool } from "./pool/pool.ts";
import type { Request } from "./request.ts";

export interface Steering {
  readonly app: App;
  /** The node name: `celery@host`. */
  readonly hostname: string;
  readonly startedAt: Instant;
  readonly pool: Pool;
  readonly queues: readonly BoundQueue[];
  readonly prefetchCount: number;
  /** Received, not started, and not waiting for an eta. */
  reserved(): readonly Request[];
  active(): readonly Request[];
  /** Waiting for its eta. */
  scheduled(): readonly Request[];
  /** Undefined when it is not in hand. */
  find(id: string): Request | undefined;
  /** Ids of revoked tasks, newest last. */
  revoked(): readonly string[];
  /** How many of each task have been started since the worker began. */
  totals(): Readonly<Record<string, number>>;
  /** The rate limit of a task in force, if any: `10/m`. */
  rateLimitOf(task: string): string | undefined;
  /** Revokes: those not started are dropped when their turn comes; with `terminate`, running ones are ended. Gives the ids that were terminated. */
  revoke(
    ids: readonly string[],
    options?: { readonly terminate?: boolean; readonly signal?: NodeJS.Signals },
  ): readonly string[];
  /** @throws LovageError when there is no such task, or the rate cannot be read; "0" or null: no limit */
  setRateLimit(task: string, rate: string | number | null): void;
  /** Seconds; null: none. @throws LovageError when there is no such task */
  setTimeLimit(task: string, hard: number | null, soft: number | null): void;
  addQueue(queue: BoundQueue): Promise<void>;
  cancelQueue(name: string): Promise<boolean>;
  resizePool(size: number): Promise<void>;
  /** Null when the worker does not scale by itself. */
  readonly autoscale: { readonly max: number; readonly min: number } | null;
  setAutoscale(max: number, min: number): Promise<void>;
  /** Begins a warm shutdown, as the first SIGTERM does. */
  shutdown(reason: string): void;
}
