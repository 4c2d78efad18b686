// How many messages a worker may have in hand: so many for each slot, and one for each that only waits for its eta.
import type { Settings } from "../config/settings.ts";

export type PrefetchSettings = Pick<Settings, "workerDisablePrefetch" | "workerEtaTaskLimit">;

/**
 * From the size of the pool and the tasks that wait for their eta to the number of messages; 0: no bound. Settings are read
 * once, as it is asked for often.
 *
 * @param multiplier messages for each slot; 0: no bound
 */
export function createPrefetch(
  { workerDisablePrefetch: isDisabled, workerEtaTaskLimit: limit }: PrefetchSettings,
  multiplier: number,
): (size: number, scheduled: number) => number {
  const mostScheduled = limit ?? Number.POSITIVE_INFINITY;
  return (size, scheduled) => {
    if (isDisabled) return Math.max(1, size);
    if (multiplier === 0) return 0;
    // A message that waits for its eta must not keep others out; yet somebody has to hold them all.
    return size * multiplier + Math.min(mostScheduled, scheduled);
  };
}
