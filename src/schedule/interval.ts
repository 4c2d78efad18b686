// Every so long: elapsed time on a fixed grid, so that it neither drifts nor minds what the wall clock does.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import type { Schedule, ScheduleContext, ScheduleJson } from "./schedule.ts";
import { zone } from "./zone.ts";
import type { WallTime, Zone } from "./zone.ts";
import { instantOf, readTime } from "./zone-time.ts";
import type { TimeInput, WrittenTime } from "./zone-time.ts";

export interface EveryOptions {
  /** A point on the grid, before or after now. Without it the grid begins where the entry was first seen. */
  readonly anchor?: TimeInput | undefined;
  /** Round down to the whole day, hour, minute or second, whichever the interval reaches, as Celery's `relative` does. */
  readonly relative?: boolean | undefined;
  /** IANA name: the zone of a relative interval's days and of an anchor without an offset; else the entry's, else UTC. */
  readonly timezone?: string | undefined;
}

/**
 * A schedule of elapsed time: a number of seconds, or a written span (`10s`, `1h30m`, `PT5M`), rounded to a millisecond.
 *
 * With an anchor it fires on the grid through the anchor. Without one, `next` is `after` plus the interval, until
 * `bind({anchorAt})` fixes the grid. A relative interval has no grid: it fires at the start of the day, hour, minute or
 * second in which `after` plus the interval falls; an interval below one second has nothing to round to.
 *
 * @throws LovageError (`schedule`) for an interval below one millisecond, an anchor that cannot be read, or both an anchor
 *   and `relative`.
 */
export function every(interval: number | string, options: EveryOptions = {}): Required<Schedule> {
  const intervalMs = parseDuration(interval);
  if (intervalMs < 1) {
    throw new LovageError("schedule", `an interval must be at least 1 millisecond: ${interval}`, {
      hint: "write seconds (10), or units: 10s, 1h30m, 250ms",
    });
  }
  const { anchor, timezone, relative = false } = options;
  if (relative && anchor !== undefined) {
    throw new LovageError("schedule", "an interval is either anchored or relative, not both", { hint: "drop one" });
  }
  const anchored = anchor === undefined ? undefined : readTime(anchor, "anchor");
  const spec = { intervalMs, timezone, anchor: anchored };
  return relative ? new RelativeInterval(spec) : new Interval(spec);
}

interface IntervalSpec {
  readonly intervalMs: number;
  readonly timezone: string | undefined;
  readonly anchor: WrittenTime | undefined;
}

/** The range of a Date: beyond it there are no instants. */
const LATEST_AT = 8_640_000_000_000_000;

class Interval implements Schedule {
  readonly #spec: IntervalSpec;
  readonly #anchorAt: Instant | null;

  /** @param gridFromAt where the grid begins when the interval itself does not say; all on one interval share its `spec`. */
  constructor(spec: IntervalSpec, gridFromAt: Instant | null = null) {
    this.#spec = spec;
    const zoned = zone(spec.timezone ?? "UTC");
    this.#anchorAt = spec.anchor === undefined ? gridFromAt : instantOf(spec.anchor, zoned);
    Object.freeze(this);
  }

  next(after: Instant): Instant | null {
    const { intervalMs } = this.#spec;
    const from = Math.floor(after);
    const anchorAt = this.#anchorAt ?? from;
    const nextAt = anchorAt + (Math.floor((from - anchorAt) / intervalMs) + 1) * intervalMs;
    return nextAt <= LATEST_AT ? nextAt : null;
  }

  describe(): string {
    return `every ${formatDuration(this.#spec.intervalMs)}`;
  }

  toJSON(): ScheduleJson {
    const { intervalMs } = this.#spec;
    // Anchors a whole number of intervals apart make the same grid.
    const phaseMs = this.#anchorAt === null ? null : ((this.#anchorAt % intervalMs) + intervalMs) % intervalMs;
    return { kind: "interval", everyMs: intervalMs, phaseMs };
  }

  bind({ timezone, anchorAt }: ScheduleContext): Required<Schedule> {
    const spec = inZone(this.#spec, timezone);
    const gridFromAt = this.#anchorAt ?? gridFrom(anchorAt);
    return spec === this.#spec && gridFromAt === this.#anchorAt ? this : new Interval(spec, gridFromAt);
  }
}

function inZone(spec: IntervalSpec, timezone: string | undefined): IntervalSpec {
  return spec.timezone !== undefined || timezone === undefined ? spec : { ...spec, timezone };
}

/** @throws LovageError for what is no instant: an anchor may come from anywhere. */
function gridFrom(anchorAt: Instant | undefined): Instant | null {
  return anchorAt === undefined ? null : instantOf(readTime(anchorAt, "anchor"), zone("UTC"));
}

const SECOND_MS = 1000;
/** Celery's resolutions (`delta_resolution`): the largest unit that the interval reaches. */
const RESOLUTIONS_MS = [86_400_000, 3_600_000, 60_000, SECOND_MS] as const;

class RelativeInterval implements Schedule {
  readonly #spec: IntervalSpec;
  readonly #zone: Zone;
  readonly #unitMs: number;

  constructor(spec: IntervalSpec) {
    this.#spec = spec;
    this.#zone = zone(spec.timezone ?? "UTC");
    this.#unitMs = RESOLUTIONS_MS.find((unitMs) => spec.intervalMs >= unitMs) ?? 1;
    Object.freeze(this);
  }

  next(after: Instant): Instant | null {
    const endAt = Math.floor(after) + this.#spec.intervalMs;
    if (!(endAt <= LATEST_AT)) return null;
    const wall = endAt + this.#zone.offsetAt(endAt);
    const startWall = Math.floor(wall / this.#unitMs) * this.#unitMs;
    const startAt = latestShowing(this.#zone, startWall, endAt);
    // The 25th hour of a day: the interval ends on the day on which it began, so it is the next day's start.
    return startAt > after ? startAt : instantOf({ kind: "wall", wall: startWall + this.#unitMs }, this.#zone);
  }

  describe(): string {
    return `every ${formatDuration(this.#spec.intervalMs)}, rounded down (${this.#zone.name})`;
  }

  toJSON(): ScheduleJson {
    return { kind: "interval", everyMs: this.#spec.intervalMs, relative: true, timezone: this.#zone.name };
  }

  bind(context: ScheduleContext): Required<Schedule> {
    if (this.#spec.timezone !== undefined || context.timezone === undefined) return this;
    return new RelativeInterval({ ...this.#spec, timezone: context.timezone });
  }
}

/** The last instant up to `endAt` at which the clock showed the wall time, or the end of the gap that swallowed it. */
function latestShowing(zone: Zone, wall: WallTime, endAt: Instant): Instant {
  const resolved = zone.resolve(wall);
  if (resolved.kind !== "overlap") return resolved.at;
  return resolved.secondAt <= endAt ? resolved.secondAt : resolved.firstAt;
}
