// How much later than due an occurrence is sent, so that a fleet does not move as one; decided by a hash, so that every
// host and every restart gives the same answer.
import type { Instant } from "../clock.ts";

/**
 * Milliseconds from 0 to `jitterMs`, spread evenly over entries and due times. It stays short of the next occurrence, so
 * that two of one entry never swap places.
 */
export function jitterFor(entryName: string, dueAt: Instant, jitterMs: number, nextDueAt: Instant | null): number {
  const most = nextDueAt === null ? jitterMs : Math.min(jitterMs, nextDueAt - dueAt - 1);
  if (most <= 0) return 0;
  return Math.floor((hash(`${entryName}\n${dueAt}`) / 2 ** 32) * (Math.floor(most) + 1));
}

/** FNV-1a over UTF-16 code units, then the finalizer of MurmurHash3: nearby due times must not give nearby shares. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
