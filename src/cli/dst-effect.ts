// What one clock change does to one schedule, found by asking the schedule itself for its occurrences around the change.
import type { Instant } from "../clock.ts";
import { crontab } from "../schedule/crontab.ts";
import type { CrontabFields } from "../schedule/crontab-text.ts";
import type { DstRule } from "../schedule/dst.ts";
import { type Exclusion, limit } from "../schedule/limits.ts";
import type { DayMatch, Schedule, ScheduleJson } from "../schedule/schedule.ts";
import { type Transition, type WallTime, type Zone, zone } from "../schedule/zone.ts";

/** A crontab as clock changes see it: the times it shows on a clock, in which zone, and its rule. */
export interface ClockTimes {
  /** Asked and answering in wall time, as if the clock never changed. */
  readonly labels: Schedule;
  readonly zone: Zone;
  readonly rule: DstRule;
}

export interface DstEffect {
  /** `gap`: the labels do not exist that day; `overlap`: they come twice. */
  readonly kind: "gap" | "overlap";
  /** The first thousand, of which the last is the very last. */
  readonly labels: readonly WallTime[];
  readonly count: number;
  readonly outcome: "moved" | "skipped" | "both" | "first" | "second" | "mixed";
  /** When it runs for these labels. */
  readonly runsAt: readonly Instant[];
}

const mostLabels = 1000;

/** Null for a schedule that knows no clock: an interval, the sun, an instant, or one of the user's own. */
export function clockTimes(schedule: Schedule): ClockTimes | null {
  const json = schedule.toJSON();
  const inner = json.kind === "limited" ? (json["schedule"] as ScheduleJson) : json;
  if (inner.kind !== "crontab") return null;
  const place = zone(inner["timezone"] as string);
  const fields = inner as unknown as CrontabFields;
  const plain = crontab(fieldsOf(fields), { timezone: "UTC", dst: "wall", dayMatch: inner["dayMatch"] as DayMatch });
  return { labels: limitLabels(plain, json, place), zone: place, rule: inner["dst"] as DstRule };
}

/** Null where the change does not touch it. */
export function dstEffect(schedule: Schedule, times: ClockTimes, change: Transition): DstEffect | null {
  const isGap = change.afterMs > change.beforeMs;
  const fromWall = change.at + Math.min(change.beforeMs, change.afterMs);
  const untilWall = change.at + Math.max(change.beforeMs, change.afterMs);
  const { labels, count } = labelsBetween(times.labels, fromWall, untilWall);
  if (count === 0) return null;
  return isGap
    ? { kind: "gap", labels, count, ...gapOutcome({ schedule, times, change }, labels) }
    : { kind: "overlap", labels, count, ...overlapOutcome(schedule, change, labels) };
}

function fieldsOf({ second, minute, hour, dayOfMonth, monthOfYear, dayOfWeek }: CrontabFields): CrontabFields {
  return { second, minute, hour, dayOfMonth, monthOfYear, dayOfWeek };
}

/** Start, end and exclusions as the clock shows them. */
function limitLabels(labels: Schedule, json: ScheduleJson, place: Zone): Schedule {
  if (json.kind !== "limited") return labels;
  const wallOf = (text: unknown): WallTime | null => {
    if (typeof text !== "string") return null;
    const at = Date.parse(text);
    return at + place.offsetAt(at);
  };
  const exclude = json["exclude"] as readonly Exclusion[] | undefined;
  return limit(labels, { startAt: wallOf(json["startAt"]), endAt: wallOf(json["endAt"]), exclude, timezone: "UTC" });
}

function labelsBetween(labels: Schedule, from: WallTime, until: WallTime): Pick<DstEffect, "labels" | "count"> {
  const found: WallTime[] = [];
  let count = 0;
  for (let label = labels.next(from - 1); label !== null && label < until; label = labels.next(label)) {
    found[Math.min(count, mostLabels - 1)] = label;
    count += 1;
  }
  return { labels: found, count };
}

interface Gap {
  readonly schedule: Schedule;
  readonly times: ClockTimes;
  readonly change: Transition;
}

type Outcome = Pick<DstEffect, "outcome" | "runsAt">;

/** A run behind the gap is a label's that it swallowed where no label stands, or where the rule says that two are one. */
function gapOutcome({ schedule, times, change }: Gap, swallowed: readonly WallTime[]): Outcome {
  const { at, beforeMs, afterMs } = change;
  const { gap } = times.rule;
  const candidates = gap === "next" ? [at] : swallowed.map((label) => label - beforeMs);
  const isMadeUp = (run: Instant): boolean => gap !== "skip" || !runsAt(times.labels, run + afterMs);
  const runs = candidates.filter((run) => runsAt(schedule, run) && isMadeUp(run));
  const made = gap === "first-shifted" ? runs.slice(0, 1) : runs;
  return { outcome: made.length === 0 ? "skipped" : "moved", runsAt: made };
}

function overlapOutcome(schedule: Schedule, { beforeMs, afterMs }: Transition, repeated: readonly WallTime[]): Outcome {
  const first = repeated.map((label) => label - beforeMs).filter((run) => runsAt(schedule, run));
  const second = repeated.map((label) => label - afterMs).filter((run) => runsAt(schedule, run));
  const shape = `${extent(first, repeated)} ${extent(second, repeated)}`;
  return { outcome: shapes.get(shape) ?? "mixed", runsAt: [...first, ...second] };
}

type Extent = "all" | "none" | "some";

const shapes: ReadonlyMap<string, DstEffect["outcome"]> = new Map([
  ["all all", "both"],
  ["all none", "first"],
  ["none all", "second"],
  ["none none", "skipped"],
]);

function extent(some: readonly Instant[], all: readonly WallTime[]): Extent {
  if (some.length === 0) return "none";
  return some.length === all.length ? "all" : "some";
}

function runsAt(schedule: Schedule, at: Instant): boolean {
  return schedule.next(at - 1) === at;
}
