// How many tasks run at once, by how many wait: grows at once, shrinks when it has been quiet for a while.
import type { Clock, Instant } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Service } from "../service.ts";

const LOOK_EVERY_MS = 1000;
const KEEPALIVE_MS = 30_000;

/**
 * Celery's name for it in the environment: AUTOSCALE_KEEPALIVE, in seconds; 30 unless it is set.
 *
 * @throws {LovageError} when it is not a number above 0
 */
export function autoscaleKeepaliveMs(environment: Readonly<Record<string, string | undefined>>): number {
  const seconds = environment["AUTOSCALE_KEEPALIVE"];
  const keepaliveMs = seconds === undefined ? KEEPALIVE_MS : Number(seconds) * 1000;
  if (keepaliveMs > 0) return keepaliveMs;
  throw new LovageError("config", `AUTOSCALE_KEEPALIVE=${seconds} should be a number of seconds above 0`);
}

export interface AutoscalerOptions {
  readonly max: number;
  readonly min: number;
  /** How long it must be quiet before the pool shrinks; 30 s unless given. */
  readonly keepaliveMs?: number;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly pool: { readonly size: number };
  /** How many tasks wait to start; those that wait for their eta are not among them. */
  readonly reserved: () => number;
  /** How many run. */
  readonly active: () => number;
  readonly resize: (size: number) => Promise<void>;
}

/**
 * Celery's rules for `--autoscale=max,min`. What is wanted is as many as there are tasks in hand: with fewer in the pool
 * it grows, up to the maximum; with more it shrinks, down to the minimum, but only after a while without growing.
 */
export class Autoscaler implements Service {
  readonly #options: AutoscalerOptions;
  readonly #stopped = new AbortController();
  #max: number;
  #min: number;
  #busyAt: Instant = 0;
  #loop: Promise<void> | null = null;
  #resizing: Promise<void> = Promise.resolve();

  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#max = options.max;
    this.#min = options.min;
  }

  get max(): number {
    return this.#max;
  }

  get min(): number {
    return this.#min;
  }

  async start(): Promise<void> {
    this.#busyAt = this.#options.clock.monotonic();
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    await this.#resizing;
  }

  /** New bounds, in force at once: a pool outside of them is resized. */
  async update(max: number, min: number): Promise<void> {
    this.#max = max;
    this.#min = min;
    await this.#resize((size) => this.#bounded(size), "autoscale changed");
  }

  /** One look; there is one every second. */
  async look(): Promise<void> {
    const { pool, clock, reserved, active } = this.#options;
    const wanted = this.#bounded(reserved() + active());
    if (wanted >= pool.size) this.#busyAt = clock.monotonic();
    if (wanted > pool.size) await this.#resize((size) => Math.max(size, wanted), "more tasks wait");
    else if (wanted < pool.size && this.#quietMs() >= (this.#options.keepaliveMs ?? KEEPALIVE_MS)) {
      await this.#resize((size) => Math.min(size, wanted), "fewer tasks wait");
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.look();
      await this.#options.clock.sleep(LOOK_EVERY_MS, signal);
    }
  }

  #quietMs(): number {
    return this.#options.clock.monotonic() - this.#busyAt;
  }

  #bounded(size: number): number {
    return Math.min(this.#max, Math.max(this.#min, size));
  }

  /** One at a time; each sees the size that the one before it left. */
  #resize(sizeFrom: (size: number) => number, reason: string): Promise<void> {
    this.#resizing = this.#resizing.then(() => this.#resizeNow(sizeFrom, reason));
    return this.#resizing;
  }

  async #resizeNow(sizeFrom: (size: number) => number, reason: string): Promise<void> {
    const { pool, emit, resize } = this.#options;
    const size = sizeFrom(pool.size);
    if (size === pool.size) return;
    try {
      await resize(size);
      emit({ type: "pool-resized", size, reason });
    } catch (error) {
      emit({ type: "failure", where: "autoscale", reason: messageOf(error) });
    }
  }
}
