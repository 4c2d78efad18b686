// Celery's crontab: fields that must all match the wall clock of a zone, in every clock change by a stated rule.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { compileCrontab } from "./crontab-compile.ts";
import type { CompiledCrontab } from "./crontab-compile.ts";
import { nextOccurrence } from "./crontab-next.ts";
import type { CrontabPlan } from "./crontab-next.ts";
import { readCrontab } from "./crontab-text.ts";
import type { CrontabFields, CrontabText } from "./crontab-text.ts";
import { assertDst, dstRule } from "./dst.ts";
import type { DstPolicy } from "./dst.ts";
import type { DayMatch, Schedule, ScheduleContext, ScheduleJson } from "./schedule.ts";
import { zone } from "./zone.ts";

export interface CrontabOptions {
  /** IANA name of the zone whose wall clock counts; else that of the entry, else UTC. */
  readonly timezone?: string | undefined;
  /** What happens to times that a clock change skips or repeats; else that of the entry, else `vixie`. */
  readonly dst?: DstPolicy | undefined;
  /**
   * `and` (default, as in Celery): day of the month and day of the week must both match. `or`, as in POSIX cron: either
   * is enough when both are restricted, that is when neither begins with `*`.
   */
  readonly dayMatch?: DayMatch | undefined;
}

/**
 * A crontab: `crontab("30 7 * * mon")` in crontab order (minute, hour, day of the month, month, day of the week; with six
 * fields, seconds come first), `crontab("@daily")`, or Celery's fields: `crontab({minute: 30, hour: 7, dayOfWeek: "mon"})`.
 *
 * Fields are read as Celery reads them (names, lists, steps, ranges that wrap around such as `fri-mon`), and more: `7` is
 * Sunday too; `L` is the last day of the month, `5L` its last Friday, `1#2` its second Monday; `H` (also `H(0-29)`, `H/15`)
 * is a value drawn from the entry's name, so that entries spread out.
 *
 * All fields must match the wall clock. Under `vixie`, only the minute and the hour decide whether a crontab follows the
 * wall clock through a change or is fixed-time: a `*` for the seconds does not make `* 30 2 * * *` run at another time.
 *
 * @throws LovageError (`schedule`) for a field, zone or policy that cannot be read, and for a crontab that can never fire.
 */
export function crontab(fields: CrontabFields | string, options: CrontabOptions = {}): Required<Schedule> {
  const { timezone, dst, dayMatch } = options;
  if (dst !== undefined) assertDst(dst);
  if (dayMatch !== undefined && dayMatch !== "and" && dayMatch !== "or") {
    throw new LovageError("schedule", `day_match: ${JSON.stringify(dayMatch)} is neither "and" nor "or"`);
  }
  return new Crontab({ text: readCrontab(fields), timezone, dst, dayMatch, name: undefined });
}

interface CrontabSpec {
  readonly text: CrontabText;
  readonly timezone: string | undefined;
  readonly dst: DstPolicy | undefined;
  readonly dayMatch: DayMatch | undefined;
  /** Set only where an `H` needs it. */
  readonly name: string | undefined;
}

class Crontab implements Schedule {
  readonly #spec: CrontabSpec;
  readonly #compiled: CompiledCrontab;
  readonly #plan: CrontabPlan;
  /** Entries share their schedules, and those that are due together ask the same. */
  #askedAt = Number.NaN;
  #answer: Instant | null = null;

  constructor(spec: CrontabSpec) {
    this.#spec = spec;
    this.#compiled = compileCrontab(spec.text, spec.dayMatch ?? "and", spec.name ?? "");
    const rule = dstRule(spec.dst ?? "vixie", this.#compiled.wildcard);
    this.#plan = { labels: this.#compiled.labels, zone: zone(spec.timezone ?? "UTC"), rule };
    Object.freeze(this);
  }

  next(after: Instant): Instant | null {
    if (after !== this.#askedAt) {
      this.#answer = nextOccurrence(this.#plan, after);
      this.#askedAt = after;
    }
    return this.#answer;
  }

  describe(): string {
    const { text, timezone } = this.#spec;
    return timezone === undefined ? text.shown : `${text.shown} (${this.#plan.zone.name})`;
  }

  /** Fields in canonical form and the policies resolved, so that two ways to write one thing are equal. */
  toJSON(): ScheduleJson {
    const { fields, dayMatch } = this.#compiled;
    const { gap, overlap } = this.#plan.rule;
    return { kind: "crontab", ...fields, timezone: this.#plan.zone.name, dst: { gap, overlap }, dayMatch };
  }

  bind(context: ScheduleContext): Required<Schedule> {
    const spec = this.#spec;
    const bound: CrontabSpec = {
      text: spec.text,
      timezone: spec.timezone ?? context.timezone,
      dst: spec.dst ?? context.dst,
      dayMatch: spec.dayMatch ?? context.dayMatch,
      name: spec.name ?? (spec.text.hashed ? context.name : undefined),
    };
    const keys = ["timezone", "dst", "dayMatch", "name"] as const;
    return keys.every((key) => bound[key] === spec[key]) ? this : new Crontab(bound);
  }
}
