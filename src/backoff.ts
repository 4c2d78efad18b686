// How long to wait before trying again: doubling, capped, with jitter so that a fleet does not knock in step.

export interface BackoffOptions {
  /** The first wait, in milliseconds. */
  readonly firstMs: number;
  /** The longest wait, in milliseconds. */
  readonly mostMs: number;
}

/**
 * The wait before attempt `attempt` (0 is the first retry), in milliseconds: a random share, at least half, of the
 * doubled and capped span.
 *
 * @param random a number in [0, 1)
 */
export function backoff(attempt: number, options: BackoffOptions, random: number = Math.random()): number {
  const span = Math.min(options.mostMs, options.firstMs * 2 ** Math.min(attempt, 30));
  return span / 2 + (span / 2) * random;
}
