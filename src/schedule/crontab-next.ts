// Next occurrences of a crontab: the next label its fields allow on the wall clock, and the instant a zone gives it.
import type { Instant } from "../clock.ts";
import { lowestBit, nextDay } from "./crontab-days.ts";
import type { DayTable } from "./crontab-days.ts";
import type { DstRule } from "./dst.ts";
import type { WallTime, Zone } from "./zone.ts";
import type { Segment } from "./zone-table.ts";

/** Up to 64 values, 0 to 31 in the first word and the rest in the second. */
export interface BitSet {
  readonly low: number;
  readonly high: number;
  /** The least value. */
  readonly first: number;
}

/** A crontab's fields, compiled. A label is a wall time that all of them allow. */
export interface LabelSet {
  readonly seconds: BitSet;
  readonly minutes: BitSet;
  readonly hours: BitSet;
  readonly days: DayTable;
}

export interface CrontabPlan {
  readonly labels: LabelSet;
  readonly zone: Zone;
  readonly rule: DstRule;
}

const DAY_S = 86_400;
const DAY_MS = 86_400_000;
/** Instants and labels end where those of a Date do. */
const LATEST_AT = 8_640_000_000_000_000;

export function bitSet(values: readonly number[]): BitSet {
  let low = 0;
  let high = 0;
  for (const value of values) {
    if (value < 32) low |= 1 << value;
    else high |= 1 << (value - 32);
  }
  return Object.freeze({ low, high, first: values[0] ?? 0 });
}

/**
 * The first occurrence strictly after `after`, or null when there is none before the end of time.
 *
 * The occurrences are a set of instants that zone, fields and rule fix together, so the answer does not depend on which
 * occurrence came before, nor on which copy of a repeated hour `after` lies in.
 */
export function nextOccurrence(plan: CrontabPlan, after: Instant): Instant | null {
  if (!(Math.abs(after) <= LATEST_AT)) return null;
  const segment = plan.zone.segmentAt(after);
  const wall = after + segment.offsetMs;
  // Away from clock changes the next label is the next occurrence. Beyond the coming change it still is, unless that
  // change sets the clock back to show labels again that lie behind.
  if (after >= segment.calmFromAt && wall < segment.calmUntilWall) {
    const label = nextLabel(plan.labels, wall);
    if (label < segment.calmUntilWall) return label - segment.offsetMs;
    const at = calmInstant(plan.zone, label, segment.offsetMs);
    if (at !== null) return at;
  }
  return searchSegments(plan, segment, after);
}

/** The instant of a label that no clock change touches, else null. */
function calmInstant(zone: Zone, label: WallTime, offsetMs: number): Instant | null {
  if (label === Infinity) return null;
  const segment = zone.segmentAt(label - offsetMs);
  const at = label - segment.offsetMs;
  return at >= segment.calmFromAt && label < segment.calmUntilWall ? at : null;
}

function searchSegments(plan: CrontabPlan, start: Segment, after: Instant): Instant | null {
  let segment = start;
  let from = after;
  while (segment.untilAt <= LATEST_AT) {
    const found = firstInSegment(plan, segment, from);
    if (found < Infinity) return found;
    from = segment.untilAt - 1;
    segment = leap(plan, segment);
    from = Math.max(from, segment.fromAt - 1);
  }
  const found = firstInSegment(plan, segment, from);
  return found <= LATEST_AT ? found : null;
}

/** The next segment that can hold an occurrence; years of them may lie between two leap days. */
function leap(plan: CrontabPlan, segment: Segment): Segment {
  const following = plan.zone.segmentAt(segment.untilAt);
  // A clock that was set back shows again what lies behind: only otherwise does the wall clock tell what comes next.
  if (following.offsetMs < segment.offsetMs) return following;
  const label = nextLabel(plan.labels, segment.untilAt - 1 + segment.offsetMs);
  return plan.zone.segmentAt(Math.min(Math.max(following.fromAt, label - 2 * DAY_MS), LATEST_AT));
}

/** The first occurrence after `after` that lies in the segment, or Infinity. */
function firstInSegment({ labels, rule }: CrontabPlan, segment: Segment, after: Instant): Instant {
  const { fromAt, untilAt, offsetMs, beforeMs, afterMs } = segment;
  const madeUpAt = beforeMs < offsetMs ? firstFromGap(labels, segment, { gap: rule.gap, after }) : Infinity;
  // The labels from here on are this segment's: not the second copy of its predecessor's, where that is not wanted.
  const startWall = fromAt + (rule.overlap === "first" ? Math.max(offsetMs, beforeMs) : offsetMs);
  const endWall = untilAt + (rule.overlap === "second" ? Math.min(offsetMs, afterMs) : offsetMs);
  const passedWall = rule.gap === "first-shifted" ? passedByShift(labels, segment) : -Infinity;
  const label = nextLabel(labels, Math.max(after + offsetMs, startWall - 1, passedWall));
  const regularAt = label < endWall ? label - offsetMs : Infinity;
  return Math.min(madeUpAt, regularAt);
}

interface GapQuery {
  readonly gap: DstRule["gap"];
  readonly after: Instant;
}

/** What the labels swallowed at the segment's start still bring after `after`, or Infinity. */
function firstFromGap(labels: LabelSet, segment: Segment, { gap, after }: GapQuery): Instant {
  const { fromAt, offsetMs, beforeMs } = segment;
  if (gap === "skip") return Infinity;
  const gapStartWall = fromAt + beforeMs;
  const passed = gap === "shift" ? Math.max(after + beforeMs, gapStartWall - 1) : gapStartWall - 1;
  const label = nextLabel(labels, passed);
  if (label >= fromAt + offsetMs) return Infinity;
  const at = gap === "next" ? fromAt : label - beforeMs;
  return at > after ? at : Infinity;
}

/** Under Celery's rule, the wall time up to which the shifted run has carried the clock past labels, or -Infinity. */
function passedByShift(labels: LabelSet, segment: Segment): WallTime {
  if (segment.beforeMs >= segment.offsetMs) return -Infinity;
  const shiftedAt = firstFromGap(labels, segment, { gap: "first-shifted", after: -Infinity });
  return shiftedAt === Infinity ? -Infinity : shiftedAt + segment.offsetMs;
}

/** The first label after a wall time, or Infinity. Labels are whole seconds. */
function nextLabel(labels: LabelSet, after: WallTime): WallTime {
  const second = Math.floor(after / 1000) + 1;
  const today = Math.floor(second / DAY_S);
  let day = nextDay(labels.days, today);
  if (day === today) {
    const time = nextTimeOfDay(labels, second - today * DAY_S);
    if (time >= 0) return (today * DAY_S + time) * 1000;
    day = nextDay(labels.days, today + 1);
  }
  const { hours, minutes, seconds } = labels;
  return day === null ? Infinity : (day * DAY_S + hours.first * 3600 + minutes.first * 60 + seconds.first) * 1000;
}

/** The first allowed second of the day from `time` on, or -1. */
function nextTimeOfDay({ seconds, minutes, hours }: LabelSet, time: number): number {
  const hour = Math.floor(time / 3600);
  const nextHour = nextValue(hours, hour);
  if (nextHour !== hour) return firstOfHour(nextHour, minutes, seconds);
  const minute = Math.floor(time / 60) % 60;
  let found = nextValue(minutes, minute);
  if (found === minute) {
    const second = nextValue(seconds, time % 60);
    if (second >= 0) return hour * 3600 + minute * 60 + second;
    found = nextValue(minutes, minute + 1);
  }
  if (found >= 0) return hour * 3600 + found * 60 + seconds.first;
  return firstOfHour(nextValue(hours, hour + 1), minutes, seconds);
}

function firstOfHour(hour: number, minutes: BitSet, seconds: BitSet): number {
  return hour < 0 ? -1 : hour * 3600 + minutes.first * 60 + seconds.first;
}

/** The least value that is at least `from` (0 to 60), or -1. */
function nextValue(set: BitSet, from: number): number {
  if (from < 32) {
    const low = set.low & (-1 << from);
    if (low !== 0) return lowestBit(low);
  }
  const high = from < 32 ? set.high : set.high & (-1 << (from - 32));
  return high === 0 ? -1 : 32 + lowestBit(high);
}
