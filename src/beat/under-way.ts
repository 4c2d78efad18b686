// What was taken from the plan and is not settled yet. An entry is settled in order: what was given up behind a run that is
// still under way waits for it, or a beat that ends in between would forget the run.
import type { Instant } from "../clock.ts";
import type { Slot } from "./plan.ts";
import type { Dropped } from "./recover.ts";

/** Given up, and why: by policy, because it fell into a pause, or because the run before had not ended. */
export interface Deferred {
  readonly dropped: Dropped;
  readonly cause: "missed" | "paused" | "overlap";
}

/** One for all: of a hundred thousand entries most have nothing under way. */
export const none: readonly never[] = Object.freeze([]);

/** Notes a run as taken from the plan, until it is settled. */
export function beginRun(slot: Slot, dueAt: Instant): void {
  slot.taken += 1;
  slot.underWay = slot.underWay.length === 0 ? [dueAt] : [...slot.underWay, dueAt];
}

/** It is settled. Gives what was given up behind it, and can be written down now. */
export function endRun(slot: Slot, dueAt: Instant): readonly Deferred[] {
  // Of a burst, the messages that were made ahead would stay in memory for a day.
  if (slot.ready !== null && slot.ready.dueAt <= dueAt) slot.ready = null;
  slot.underWay = slot.underWay.length <= 1 ? none : without(slot.underWay, dueAt);
  if (slot.deferred.length === 0) return none;
  const free = slot.deferred.filter(({ dropped }) => isFree(slot, dropped.toAt));
  slot.deferred = slot.deferred.filter((deferred) => !free.includes(deferred));
  return free;
}

/** Whether what was given up can be written down now; if not, `endRun` gives it later. */
export function defer(slot: Slot, deferred: Deferred): boolean {
  if (isFree(slot, deferred.dropped.toAt)) return true;
  slot.deferred = [...slot.deferred, deferred];
  return false;
}

/** Takes back a run that was paused before it was sent, and all that was given up after it. */
export function takeBack(slot: Slot, dueAt: Instant): void {
  slot.taken -= 1;
  slot.underWay = without(slot.underWay, dueAt);
  slot.deferred = slot.deferred.filter(({ dropped }) => dropped.toAt < dueAt);
}

/** Forgets what was under way: another beat has settled it, or some of it. */
export function abandonRuns(slot: Slot): void {
  slot.taken -= slot.underWay.length;
  slot.underWay = none;
  slot.deferred = none;
}

/** Up to here the schedule has been dealt with, written down or not. */
export function takenUpTo({ state, underWay, deferred }: Slot): Instant {
  return Math.max(state.settledAt, ...underWay, ...deferred.map(({ dropped }) => dropped.toAt));
}

/** Nothing older is under way. */
function isFree({ underWay }: Slot, at: Instant): boolean {
  return underWay.every((dueAt) => dueAt >= at);
}

function without(instants: readonly Instant[], at: Instant): readonly Instant[] {
  const index = instants.indexOf(at);
  return index === -1 ? instants : instants.toSpliced(index, 1);
}

export function isUsedUp(slot: Slot): boolean {
  return slot.entry.maxRuns !== null && slot.taken >= slot.entry.maxRuns;
}

export function finishReason(slot: Slot): string {
  return isUsedUp(slot) ? `max_runs: ${slot.entry.maxRuns} reached` : "its schedule has no further occurrence";
}
