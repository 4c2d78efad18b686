// What to make up for the time in which beat could not send: how much was missed, and what the entry's policy says of it.
import type { Instant } from "../clock.ts";
import type { Entry, MissedPolicy } from "../schedule/entry.ts";
import type { Schedule } from "../schedule/schedule.ts";

/** Occurrences that will not run, as a span: all that were due from `fromAt` to `toAt`, except what `verdict` sends. */
export interface Dropped {
  readonly count: number;
  /** The count stopped at its limit: there were at least so many. */
  readonly atLeast: boolean;
  readonly fromAt: Instant;
  readonly toAt: Instant;
  readonly reason: string;
}

export interface Verdict {
  /** The one occurrence to send now, if any. */
  readonly send: Instant | null;
  /** Every occurrence from here on is to be sent, one after the other (`missed: all`). */
  readonly catchUpFrom: Instant | null;
  readonly dropped: readonly Dropped[];
  /** The newest occurrence dealt with; the schedule goes on after it, on the same grid. */
  readonly settledAt: Instant;
}

export interface MissedSpan {
  /** The oldest occurrence that was missed. */
  readonly firstAt: Instant;
  /** The newest instant that counts as missed; `firstAt` is never after it. */
  readonly until: Instant;
  /** Where counting stops: it is for people, and a year of missed minutes must not hold up the start. */
  readonly countLimit: number;
}

/**
 * Applies `missed` and `missed_within` to an entry with missed occurrences.
 *
 * @param schedule with its grid fixed, so that it can be asked from any instant
 */
export function judgeMissed(entry: Entry, schedule: Schedule, span: MissedSpan): Verdict {
  const { firstAt, until } = span;
  const dropped: Dropped[] = [];
  const drop = (fromAt: Instant, toAt: Instant, reason: string): void => {
    dropped.push({ ...countUpTo(schedule, { fromAt, until: toAt, limit: span.countLimit }), fromAt, reason });
  };
  const fromAt = firstWithin(entry, schedule, span);
  if (fromAt !== firstAt) drop(firstAt, fromAt === null ? until : fromAt - 1, "older than missed_within");
  if (fromAt !== null && entry.missed === "all") {
    return { send: null, catchUpFrom: fromAt, dropped, settledAt: fromAt };
  }
  const send = fromAt === null ? null : choose[entry.missed as ChosenPolicy](schedule, { fromAt, until }, drop);
  const settledAt = Math.max(send ?? firstAt, ...dropped.map((span) => span.toAt));
  return { send, catchUpFrom: null, dropped, settledAt };
}

/** The first missed occurrence that is still young enough to be made up. */
function firstWithin({ missedWithinMs }: Entry, schedule: Schedule, { firstAt, until }: MissedSpan): Instant | null {
  if (missedWithinMs === null || firstAt >= until - missedWithinMs) return firstAt;
  const fromAt = schedule.next(until - missedWithinMs - 1);
  return fromAt === null || fromAt > until ? null : fromAt;
}

type ChosenPolicy = Exclude<MissedPolicy, "all">;
type Drop = (fromAt: Instant, toAt: Instant, reason: string) => void;
type Choose = (schedule: Schedule, span: { fromAt: Instant; until: Instant }, drop: Drop) => Instant | null;

/** For each policy: which one occurrence to send, and which others to drop. */
const choose: Readonly<Record<ChosenPolicy, Choose>> = {
  skip: (_schedule, { fromAt, until }, drop) => {
    drop(fromAt, until, "missed: skip");
    return null;
  },
  earliest: (schedule, { fromAt, until }, drop) => {
    const second = schedule.next(fromAt);
    if (second !== null && second <= until) drop(second, until, "missed: earliest");
    return fromAt;
  },
  latest: (schedule, { fromAt, until }, drop) => {
    const latestAt = latestUpTo(schedule, fromAt, until);
    if (latestAt > fromAt) drop(fromAt, latestAt - 1, "missed: latest");
    return latestAt;
  },
};

/** All occurrences after `after` up to `until`, given up for one reason; null when there are none. */
export function droppedUpTo(
  schedule: Schedule,
  span: { readonly after: Instant; readonly until: Instant; readonly limit: number },
  reason: string,
): Dropped | null {
  const fromAt = schedule.next(span.after);
  if (fromAt === null || fromAt > span.until) return null;
  return { ...countUpTo(schedule, { fromAt, until: span.until, limit: span.limit }), fromAt, reason };
}

function countUpTo(
  schedule: Schedule,
  span: { fromAt: Instant; until: Instant; limit: number },
): Pick<Dropped, "count" | "atLeast" | "toAt"> {
  let count = 1;
  let toAt = span.fromAt;
  for (;;) {
    const next = schedule.next(toAt);
    if (next === null || next > span.until) return { count, atLeast: false, toAt };
    if (count >= span.limit) return { count, atLeast: true, toAt: latestUpTo(schedule, toAt, span.until) };
    count += 1;
    toAt = next;
  }
}

/** The newest occurrence not after `until`, where `knownAt` is one. Looks back from the end in doubling steps. */
export function latestUpTo(schedule: Schedule, knownAt: Instant, until: Instant): Instant {
  let latest = knownAt;
  for (let span = 1000; until - span > knownAt; span *= 2) {
    const found = schedule.next(until - span);
    if (found !== null && found <= until) {
      latest = found;
      break;
    }
  }
  for (;;) {
    const next = schedule.next(latest);
    if (next === null || next > until) return latest;
    latest = next;
  }
}
