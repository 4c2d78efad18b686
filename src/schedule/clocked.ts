// One instant, once: `at: 2026-12-24T18:00` in the entry's zone.
import type { Instant } from "../clock.ts";
import type { Schedule, ScheduleContext, ScheduleJson } from "./schedule.ts";
import { zone } from "./zone.ts";
import type { Zone } from "./zone.ts";
import { instantOf, readTime, showWallTime } from "./zone-time.ts";
import type { TimeInput, WrittenTime } from "./zone-time.ts";

export interface ClockedOptions {
  /** IANA name of the zone in which text without an offset is read; else that of the entry, else UTC. */
  readonly timezone?: string | undefined;
}

/**
 * A schedule with one occurrence: epoch milliseconds, a Date, or ISO 8601 text. Text without an offset is a time on the
 * zone's clock; where a clock change skips it, it is the first instant after the gap, and where it comes twice, the first.
 *
 * @throws LovageError (`schedule`) for a time that cannot be read or an unknown zone.
 */
export function clocked(at: TimeInput, options: ClockedOptions = {}): Required<Schedule> {
  return new Clocked(readTime(at, "at"), options.timezone);
}

class Clocked implements Schedule {
  readonly #time: WrittenTime;
  readonly #timezone: string | undefined;
  readonly #zone: Zone;
  readonly #at: Instant;

  constructor(time: WrittenTime, timezone: string | undefined) {
    this.#time = time;
    this.#timezone = timezone;
    this.#zone = zone(timezone ?? "UTC");
    this.#at = instantOf(time, this.#zone);
    Object.freeze(this);
  }

  next(after: Instant): Instant | null {
    return this.#at > after ? this.#at : null;
  }

  describe(): string {
    return `once at ${showWallTime(this.#at, this.#zone)} (${this.#zone.name})`;
  }

  toJSON(): ScheduleJson {
    return { kind: "clocked", at: new Date(this.#at).toISOString() };
  }

  bind(context: ScheduleContext): Required<Schedule> {
    if (this.#timezone !== undefined || context.timezone === undefined) return this;
    return new Clocked(this.#time, context.timezone);
  }
}
