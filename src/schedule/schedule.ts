// What a schedule owes: the next instant strictly after a given one, as a pure function, and words for what it is.
import type { Instant } from "../clock.ts";
import type { DstPolicy } from "./dst.ts";

export interface Schedule {
  /** The first occurrence strictly after `after`, or null when there is none. Pure: no clock, no state. */
  next(after: Instant): Instant | null;
  /** For people: `every 10 seconds`, `30 7 * * mon (Asia/Taipei)`. */
  describe(): string;
  /** Everything that moves its occurrences, as plain data: the same JSON means the same occurrences. */
  toJSON(): ScheduleJson;
  /**
   * The same schedule with the gaps filled from where it stands: a crontab without a zone takes the entry's, an interval
   * without an anchor takes its grid from `anchorAt`. What the schedule said itself is kept. A custom schedule may leave
   * this out.
   */
  bind?(context: ScheduleContext): Schedule;
}

export type ScheduleJson = { readonly kind: string; readonly [key: string]: unknown };

export interface ScheduleContext {
  /** IANA name. */
  readonly timezone?: string | undefined;
  /** The entry's name: `H` in a crontab hashes it. */
  readonly name?: string | undefined;
  readonly dst?: DstPolicy | undefined;
  readonly dayMatch?: DayMatch | undefined;
  /** Where an interval's grid begins. */
  readonly anchorAt?: Instant | undefined;
}

/** Celery's crontab wants both day fields to match (`and`); POSIX cron wants either when both are restricted (`or`). */
export type DayMatch = "and" | "or";

/** Whether a value can serve as a schedule: ours, or the user's own object with `next` and `describe`. */
export function isSchedule(value: unknown): value is Schedule {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<Schedule>;
  return typeof candidate.next === "function" && typeof candidate.describe === "function";
}
