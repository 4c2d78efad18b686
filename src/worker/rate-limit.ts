// How often a task may start: Celery's token bucket, kept as the one instant at which it will be full again.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";

const SHAPE = /^\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:\/\s*([smh]))?\s*$/;
/** What sums of instants may be off by. */
const ROUNDING_MS = 1e-6;
const SECONDS: Readonly<Record<string, number>> = Object.freeze({ s: 1, m: 60, h: 3600 });

/**
 * A rate in Celery's words as tasks per second: `"10/m"`, `"100/h"`, `"0.5/s"`, `"10"` and `10` (both per second).
 *
 * @returns 0 for no limit: `null`, `""`, `"0"`, `0`
 * @throws {LovageError} when it cannot be read
 */
export function parseRate(rate: string | number | null | undefined): number {
  if (rate === null || rate === undefined || rate === "") return 0;
  const [, amount, unit = "s"] = SHAPE.exec(String(rate)) ?? [];
  const perSecond = typeof rate === "number" ? rate : Number(amount) / (SECONDS[unit] ?? 1);
  if (Number.isFinite(perSecond) && perSecond >= 0) return perSecond;
  throw new LovageError("config", `the rate limit ${JSON.stringify(rate)} cannot be read`, {
    hint: 'write a number of tasks per second, minute or hour: "10/s", "100/m", "1000/h"; 0 for no limit',
  });
}

/**
 * Lets `capacity` tasks start at once and then `ratePerSecond` a second: kombu's TokenBucket. Instants are of any clock
 * that never goes back.
 */
export class TokenBucket {
  readonly #intervalMs: number;
  readonly #leadMs: number;
  #fullAt: Instant = Number.NEGATIVE_INFINITY;

  /**
   * @param ratePerSecond 0: no limit
   * @param capacity how many may start at once after a pause
   */
  constructor(ratePerSecond: number, capacity = 1) {
    this.#intervalMs = ratePerSecond === 0 ? 0 : 1000 / ratePerSecond;
    this.#leadMs = (capacity - 1) * this.#intervalMs;
  }

  /** Takes a token if there is one: true means that one task may start now. */
  canConsume(at: Instant): boolean {
    if (this.waitMs(at) > 0) return false;
    this.#fullAt = Math.max(this.#fullAt, at) + this.#intervalMs;
    return true;
  }

  /** In how many milliseconds {@link canConsume} will say yes; 0: now. */
  waitMs(at: Instant): number {
    const waitMs = this.#fullAt - this.#leadMs - at;
    return waitMs < ROUNDING_MS ? 0 : waitMs;
  }
}
