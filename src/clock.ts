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

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
});
