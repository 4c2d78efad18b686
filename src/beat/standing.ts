// Where an entry stands in time, by what the beat-record knows of it: the one answer for the loop, `beat list` and `beat next`.
import type { Instant } from "../clock.ts";
import type { Entry } from "../schedule/entry.ts";
import { jitterFor } from "../schedule/jitter.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { absurdMs } from "./absurd.ts";
import { createState } from "../store/changes.ts";
import type { EntryState } from "../store/store.ts";

export interface Standing {
  /** With its grid fixed, so that it can be asked from any instant. */
  readonly schedule: Schedule;
  /** Counting goes on after this. */
  readonly settledAt: Instant;
  /** Runs that `max_runs` leaves; Infinity without it. */
  readonly runsLeft: number;
}

/** An entry goes on from where its state says; one that is new, or whose schedule was edited, counts from `now`. */
export function standing(entry: Entry, state: EntryState | undefined, now: Instant): Standing {
  const settledAt = isCurrent(entry, state) ? state.settledAt : now;
  const runsLeft = entry.maxRuns === null ? Number.POSITIVE_INFINITY : entry.maxRuns - (state?.runs ?? 0);
  return { schedule: anchored(entry.schedule, settledAt), settledAt, runsLeft };
}

/** Whether the state is of the schedule as it is now. */
export function isCurrent(entry: Entry, state: EntryState | undefined): state is EntryState {
  return state?.scheduleHash === entry.scheduleHash;
}

/** An interval without an anchor of its own takes its grid from `anchorAt`; other schedules stay as they are. */
export function anchored(schedule: Schedule, anchorAt: Instant): Schedule {
  return schedule.bind?.({ anchorAt }) ?? schedule;
}

/** Counting begins anew; what an edited entry has done so far stays on record. */
export function freshState(entry: Entry, before: EntryState | undefined, countFrom: Instant): EntryState {
  const { name, scheduleHash } = entry;
  // Under a clock that was set back, what ran before it was set is not to run again.
  const ahead = (before?.settledAt ?? countFrom) - countFrom;
  const settledAt = ahead > 0 && ahead <= absurdMs ? countFrom + ahead : countFrom;
  const fresh = { name, scheduleHash, anchorAt: settledAt, settledAt };
  return createState(before === undefined ? fresh : { ...before, ...fresh });
}

/** @throws RangeError for a schedule of the user's own that does not go forward */
export function nextAfter(schedule: Schedule, after: Instant): Instant | null {
  const next = schedule.next(after);
  if (next !== null && !(next > after)) {
    throw new RangeError(`its schedule answered ${next}, which is not after ${after}`);
  }
  return next;
}

export function jitterOf({ name, jitterMs }: Entry, schedule: Schedule, dueAt: Instant): number {
  return jitterMs === 0 ? 0 : jitterFor(name, dueAt, jitterMs, schedule.next(dueAt));
}
