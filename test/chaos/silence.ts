// How long nothing came: what users feel of a failover.
import type { Redis } from "ioredis";
import { systemClock } from "../../src/clock.ts";

const pollMs = 50;

export interface Silence {
  /** Ends the watch; the longest span without a new message, in milliseconds. */
  readonly stop: () => number;
}

/** Looks at the length of the queue, which nobody empties. */
export function watchSilence(client: Redis, queue = "celery"): Silence {
  const ended = new AbortController();
  let length = 0;
  let grewAt = systemClock.monotonic();
  let longestMs = 0;
  const look = async (): Promise<void> => {
    // A Redis that is away is silent too.
    const now = await client.llen(queue).catch(() => length);
    longestMs = Math.max(longestMs, systemClock.monotonic() - grewAt);
    if (now > length) grewAt = systemClock.monotonic();
    length = now;
  };
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await look();
      await systemClock.sleep(pollMs, ended.signal);
    }
  };
  void watch();
  return {
    stop: () => {
      ended.abort();
      return Math.round(longestMs);
    },
  };
}
