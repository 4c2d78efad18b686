// Bounds any schedule: nothing before a start, after an end, or at excluded times. What is left out is jumped over, not
// stepped through, and a search that finds nothing ends.
import type { Instant } from "../clock.ts";
import { crontab } from "./crontab.ts";
import type { CrontabFields } from "./crontab-text.ts";
import type { Schedule, ScheduleContext, ScheduleJson } from "./schedule.ts";
import { zone } from "./zone.ts";
import type { Zone } from "./zone.ts";
import { instantOf, showWallTime } from "./zone-time.ts";

export interface Limits {
  /** The first instant at which it may run. */
  readonly startAt?: Instant | null | undefined;
  /** The last instant at which it may run. */
  readonly endAt?: Instant | null | undefined;
  readonly exclude?: readonly Exclusion[] | undefined;
  /** IANA name: the zone of the excluded days and crontabs. */
  readonly timezone: string;
}

export type Exclusion = ExcludedDays | ExcludedCrontab;

/** Whole days on the zone's calendar, both included; dates are written `2026-12-24`. */
export interface ExcludedDays {
  readonly from: string;
  readonly to: string;
}

/** The minutes that match on the wall clock, or the seconds where the crontab has six fields. */
export interface ExcludedCrontab {
  readonly crontab: string | CrontabFields;
}

/**
 * The schedule without what the limits forbid; the schedule itself where they forbid nothing.
 *
 * @throws LovageError (`schedule`) for an unknown zone or a crontab that cannot be read.
 */
export function limit(schedule: Schedule, limits: Limits): Schedule {
  const { startAt = null, endAt = null, exclude = [], timezone } = limits;
  if (startAt === null && endAt === null && exclude.length === 0) return schedule;
  const obstacles = exclude.map((exclusion) => obstacle(exclusion, timezone));
  return new LimitedSchedule(schedule, { startAt, endAt, exclude, obstacles, timezone });
}

/** Whether an instant is excluded, told as the instant from which it is worth asking again; null when it is not. */
type Obstacle = (at: Instant) => Instant | null;

interface Bounds {
  readonly startAt: Instant | null;
  readonly endAt: Instant | null;
  readonly exclude: readonly Exclusion[];
  readonly obstacles: readonly Obstacle[];
  readonly timezone: string;
}

/** Enough to cross decades of excluded days, or years of excluded hours. */
const MOST_JUMPS = 100_000;
const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;
const DAY_MS = 86_400_000;

class LimitedSchedule implements Schedule {
  readonly #schedule: Schedule;
  readonly #bounds: Bounds;

  constructor(schedule: Schedule, bounds: Bounds) {
    this.#schedule = schedule;
    this.#bounds = bounds;
    Object.freeze(this);
  }

  next(after: Instant): Instant | null {
    const { startAt, endAt, obstacles } = this.#bounds;
    let from = startAt === null ? after : Math.max(after, startAt - 1);
    for (let jumps = 0; jumps < MOST_JUMPS; jumps += 1) {
      const at = this.#schedule.next(from);
      if (at === null || (endAt !== null && at > endAt)) return null;
      const resumeAt = firstResume(obstacles, at);
      if (resumeAt === null) return at;
      from = Math.max(at, resumeAt - 1);
    }
    return null;
  }

  describe(): string {
    const { startAt, endAt, exclude, timezone } = this.#bounds;
    const show = (at: Instant): string => showWallTime(at, zone(timezone));
    const parts = [
      this.#schedule.describe(),
      startAt === null ? "" : `from ${show(startAt)}`,
      endAt === null ? "" : `until ${show(endAt)}`,
      exclude.length === 0 ? "" : `except ${exclude.map(describeExclusion).join(" and ")}`,
    ];
    return `${parts.filter((part) => part !== "").join(", ")} (${timezone})`;
  }

  toJSON(): ScheduleJson {
    const { startAt, endAt, exclude, timezone } = this.#bounds;
    return {
      kind: "limited",
      schedule: this.#schedule.toJSON(),
      ...(startAt === null ? {} : { startAt: new Date(startAt).toISOString() }),
      ...(endAt === null ? {} : { endAt: new Date(endAt).toISOString() }),
      ...(exclude.length === 0 ? {} : { exclude, timezone }),
    };
  }

  bind(context: ScheduleContext): Schedule {
    const bound = this.#schedule.bind?.(context) ?? this.#schedule;
    return bound === this.#schedule ? this : new LimitedSchedule(bound, this.#bounds);
  }
}

function firstResume(obstacles: readonly Obstacle[], at: Instant): Instant | null {
  for (const obstacle of obstacles) {
    const resumeAt = obstacle(at);
    if (resumeAt !== null) return resumeAt;
  }
  return null;
}

function obstacle(exclusion: Exclusion, timezone: string): Obstacle {
  if ("crontab" in exclusion) return crontabObstacle(exclusion.crontab, timezone);
  return daysObstacle(exclusion, zone(timezone));
}

function daysObstacle(days: ExcludedDays, zone: Zone): Obstacle {
  const fromDay = dayNumber(days.from);
  const toDay = dayNumber(days.to);
  return (at) => {
    const day = Math.floor((at + zone.offsetAt(at)) / DAY_MS);
    return day < fromDay || day > toDay ? null : instantOf({ kind: "wall", wall: (toDay + 1) * DAY_MS }, zone);
  };
}

function dayNumber(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY_MS;
}

/** `wall`: what is excluded is a label on the clock; no change of the clock moves it. */
function crontabObstacle(spec: string | CrontabFields, timezone: string): Obstacle {
  const excluded = crontab(spec, { timezone, dst: "wall" });
  const [grainMs, jumpMs] = grainOf(spec);
  return (at) => {
    const labelAt = Math.floor(at / grainMs) * grainMs;
    return excluded.next(labelAt - 1) === labelAt ? Math.floor(at / jumpMs) * jumpMs + jumpMs : null;
  };
}

/** The span of one label, and the span through which the crontab cannot change its mind. */
function grainOf(spec: string | CrontabFields): readonly [grainMs: number, jumpMs: number] {
  const fields = typeof spec === "string" ? spec.trim().split(/\s+/) : [spec.minute ?? "*"];
  const hasSeconds = fields.length === 6 || (typeof spec === "object" && spec.second !== undefined);
  if (hasSeconds) return [SECOND_MS, SECOND_MS];
  // Hours begin on a quarter of an hour of UTC in every zone, so a crontab for every minute is the same all through one.
  return [MINUTE_MS, fields[0] === "*" ? QUARTER_MS : MINUTE_MS];
}

function describeExclusion(exclusion: Exclusion): string {
  if ("crontab" in exclusion) return crontab(exclusion.crontab).describe();
  return exclusion.from === exclusion.to ? exclusion.from : `${exclusion.from}..${exclusion.to}`;
}
