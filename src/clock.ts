// Time as a parameter: loops take a Clock, pure code takes an Instant, and only this file asks the system what time it is.

/** Epoch milliseconds (UTC). Fields that hold one end in `At`; spans of milliseconds end in `Ms`. */
export type Instant = number;

export interface Clock {
  /** The wall clock. It may jump, in either direction. */
  now(): Instant;
  /** Milliseconds since some fixed point; never goes back. For measuring, not for storing. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` is aborted (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Resolves when `now()` has come to `at`, not before and hardly after, or when `signal` is aborted; earlier when the wall
   * clock is set back meanwhile. For the very last part of a wait, since it works all the while. A clock without it is as
   * exact when it sleeps.
   */
  readonly reach?: (at: Instant, signal?: AbortSignal) => Promise<void>;
}

/**
 * A timer counts whole milliseconds, `now()` leaves out a part of one, and a processor that slept takes a while to wake: so long
 * before the time it is sure to have rung.
 */
const fineMs = 3;
/** Longer than any last part takes: beyond it the wall clock was set back. */
const longestReachMs = 5;

/** Sleeps until the wall clock shows `at`, to a fraction of a millisecond and not less; or for `mostMs`, or until `signal`. */
export async function sleepUntil(clock: Clock, at: Instant, mostMs: number, signal?: AbortSignal): Promise<void> {
  const leftMs = at - clock.now();
  if (leftMs > mostMs || clock.reach === undefined) {
    await clock.sleep(Math.min(leftMs, mostMs), signal);
    return;
  }
  if (leftMs > fineMs) await clock.sleep(leftMs - fineMs, signal);
  await clock.reach(at, signal);
}

/** A round that is nearer than this part of what lies between two is that of which one just comes. */
const justNow = 0.01;

/**
 * How long until the next of the rounds that come every `everyMs`, or a little longer. To all of a process that wait for them
 * they come at the same time: that of a processor waking up costs far more than what there is to do then.
 */
export function untilRoundMs(clock: Clock, everyMs: number): number {
  const leftMs = everyMs - (clock.monotonic() % everyMs);
  return Math.ceil(leftMs < everyMs * justNow ? leftMs + everyMs : leftMs);
}

/** Timers take no more; a longer wait is made of several. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const until = performance.now() + ms;
      let timer: NodeJS.Timeout;
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const wait = (leftMs: number): void => {
        const next = leftMs > longestTimerMs ? () => wait(until - performance.now()) : finish;
        timer = setTimeout(next, Math.min(leftMs, longestTimerMs));
      };
      wait(ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
  // By turns of the event loop: what comes in meanwhile is served, and nothing rounds to milliseconds.
  reach: async (at: Instant, signal?: AbortSignal) => {
    const until = performance.now() + longestReachMs;
    const isOver = (): boolean => Date.now() >= at || performance.now() >= until || signal?.aborted === true;
    while (!isOver()) await new Promise<void>((resolve) => setImmediate(resolve));
  },
});
