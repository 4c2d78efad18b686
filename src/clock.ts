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
});
