// Many things to hand over, a piece at a time: one call for all of them would hold the event loop.
import type { Clock } from "../clock.ts";

/** Whoever takes longer than this for a piece is away, and takes the rest when he is back. */
const patienceMs = 1000;

/** One piece after the other; when one takes too long, the rest is handed over without waiting. */
export async function inPieces<Item>(
  items: readonly Item[],
  { size, clock }: { readonly size: number; readonly clock: Clock },
  hand: (piece: readonly Item[]) => Promise<void>,
): Promise<void> {
  let isAway = false;
  let last = Promise.resolve();
  for (let from = 0; from < items.length; from += size) {
    const beganAt = clock.monotonic();
    last = hand(items.slice(from, from + size));
    if (!isAway) await last;
    isAway ||= clock.monotonic() - beganAt > patienceMs;
  }
  await last;
}
