// The wall clock finer than its milliseconds, for as long as nobody sets it.

/**
 * A clock of fractions of milliseconds that agrees with `Date.now()` where that steps. `performance.timeOrigin` alone would
 * drift from it by milliseconds within minutes: measure soon after.
 */
export function fineClock(): () => number {
  const before = Date.now();
  let at = before;
  while (at === before) at = Date.now();
  const offset = at - performance.now();
  return () => offset + performance.now();
}

export function sleepUntil(at: number): Promise<void> {
  return sleep(at - Date.now());
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
