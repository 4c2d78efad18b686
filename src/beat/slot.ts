// What the plan holds of each entry.
import type { Instant } from "../clock.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { EntryState } from "../store/store.ts";
import type { Ready } from "./ahead.ts";
import { type Deferred, none } from "./under-way.ts";

/** One entry on its way through time. */
export interface Slot {
  entry: Entry;
  /** The entry's schedule with its grid fixed, so that it can be asked from any instant. */
  schedule: Schedule;
  /** What the beat-record should say once what is under way is settled. */
  state: EntryState;
  /** The next nominal time, or null when there is none any more. */
  dueAt: Instant | null;
  /** `dueAt` with its jitter. */
  sendAt: Instant;
  /** The message of the next occurrence, made ahead of its time. */
  ready: Ready | null;
  /** Runs taken from the plan, settled or still under way. */
  taken: number;
  /** Nominal times taken from the plan and not settled yet, oldest first. */
  underWay: readonly Instant[];
  /** Given up, but not to be written down before what is under way in front of it. */
  deferred: readonly Deferred[];
  /** What was due up to here fell into a pause, and counts as missed. */
  resumedAt: Instant;
  /** Why its schedule was set aside; null while it is sound. */
  fault: string | null;
}

/** A slot that has something to do. */
export type DueSlot = Slot & { dueAt: Instant };

/** A small whole number takes no memory of its own, as minus infinity would in each slot. */
const longAgo = 0;

/** With nothing due yet. `before`: what stood in its place, of which something may still be under way. */
export function createSlot(entry: Entry, state: EntryState, before: Slot | undefined): Slot {
  const { underWay = none, deferred = none } = before ?? {};
  // Key by key: put together from parts, each slot would take more memory.
  return {
    entry,
    schedule: entry.schedule,
    state,
    dueAt: null,
    sendAt: 0,
    ready: null,
    taken: state.runs + underWay.length,
    underWay,
    deferred,
    resumedAt: longAgo,
    fault: null,
  };
}
