// Binds a schedule to its entry: zone, name and policies filled in, limits laid on, and proof that it fires at all.
// Entries with the same words for the same zone share one schedule.
import { hash } from "node:crypto";
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { limit } from "./limits.ts";
import type { Limits } from "./limits.ts";
import type { Attempt } from "./parse-attempt.ts";
import { readSchedule } from "./parse-schedule.ts";
import type { Schedule, ScheduleContext, ScheduleJson } from "./schedule.ts";
import type { EntryData } from "./schema.ts";

/** Beyond this many different ones the cache starts over, so that odd ones cannot fill the memory. */
const CACHE_SIZE = 10_000;
const bound = new Map<string, Schedule>();
const hashes = new WeakMap<Schedule, Map<string, string>>();

type BindContext = Required<Pick<ScheduleContext, "name" | "timezone">>;

/** Undefined where there are mistakes; `attempt` has them. */
export function bindSchedule(
  data: EntryData,
  { name, timezone }: BindContext,
  given: Schedule | undefined,
  attempt: Attempt,
): Schedule | undefined {
  const context = { name, timezone, dst: data.dst, dayMatch: data.day_match };
  if (given !== undefined) return attempt(["schedule"], () => complete(given.bind?.(context) ?? given));
  const relative = data.relative ?? false;
  const words = JSON.stringify([data.schedule, relative, timezone, data.dst, data.day_match]);
  // Only an `H` draws on the name.
  const key = /["\s,]H/.test(words) ? `${words} ${String(name)}` : words;
  const known = bound.get(key);
  if (known !== undefined) return known;
  const schedule = readSchedule(data.schedule, relative, attempt);
  if (schedule === undefined) return undefined;
  const made = attempt(["schedule"], () => proven(schedule.bind?.(context) ?? schedule));
  return made === undefined ? undefined : remember(key, made);
}

/** A schedule of the user's own may leave `toJSON` out; its words stand for it then. */
function complete(schedule: Schedule): Schedule {
  const given: Partial<Schedule> = schedule;
  if (given.toJSON !== undefined) return schedule;
  return Object.freeze({
    next: (after: Instant) => schedule.next(after),
    describe: () => schedule.describe(),
    toJSON: () => ({ kind: "custom", text: schedule.describe() }),
  });
}

/** A crontab that can never fire is refused when it is read; of the sun, only a search can tell. */
function proven(schedule: Schedule): Schedule {
  if (schedule.toJSON().kind !== "solar" || schedule.next(REFERENCE_AT) !== null) return schedule;
  throw new LovageError("schedule", "never happens at this place");
}

function remember(key: string, schedule: Schedule): Schedule {
  if (bound.size >= CACHE_SIZE) bound.clear();
  bound.set(key, schedule);
  return schedule;
}

/**
 * The grid of an interval begins at its start, if it has one. A schedule that can never fire is a mistake; one whose time
 * is over is not, or beat could not be restarted after the end.
 */
export function limitSchedule(schedule: Schedule, limits: Limits, attempt: Attempt): Schedule | undefined {
  const { startAt, endAt, exclude = [] } = limits;
  const anchored = startAt == null ? schedule : (schedule.bind?.({ anchorAt: startAt }) ?? schedule);
  const limited = attempt(["exclude"], () => limit(anchored, limits));
  if (limited === undefined || limited === anchored || fires(limited, limits)) return limited;
  const key = exclude.length > 0 ? "exclude" : endAt == null ? "start_at" : "end_at";
  return attempt([key], () => {
    throw new LovageError("schedule", "leaves nothing of the schedule, so it would never run");
  });
}

/** Where a search for the first occurrence begins, so that the answer does not depend on the day it is asked. */
const REFERENCE_AT = Date.UTC(2024, 0, 1);
const TEN_YEARS_MS = 3653 * 86_400_000;
const EARLIEST_AT = -8_640_000_000_000_000;
/** Steps that meet every weekday and every hour. */
const PROBE_STEP_MS = 25 * 3_600_000 + 61_000;

const probesByKind: Readonly<Record<string, number>> = {
  crontab: 1,
  solar: 1,
  // Without a grid it takes one from the day it is first seen, so several are tried.
  interval: 8,
};

/** Of a schedule of the user's own nobody knows where to look, so it is believed. */
function fires(limited: Schedule, { endAt }: Limits): boolean {
  const { kind } = limited.toJSON()["schedule"] as ScheduleJson;
  if (kind === "clocked") return limited.next(EARLIEST_AT) !== null;
  const probes = probesByKind[kind];
  if (probes === undefined) return true;
  const from = Math.min(REFERENCE_AT, (endAt ?? REFERENCE_AT) - TEN_YEARS_MS);
  return Array.from({ length: probes }, (_, index) => from + index * PROBE_STEP_MS).some(
    (at) => limited.next(at) !== null,
  );
}

/** Changes exactly when the occurrences move. */
export function hashSchedule(schedule: Schedule, rest: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(rest);
  const known = hashes.get(schedule) ?? new Map<string, string>();
  const made = known.get(text) ?? hash("sha1", `${JSON.stringify(schedule)} ${text}`, "buffer").toString("hex", 0, 8);
  if (known.size === 0) hashes.set(schedule, known);
  known.set(text, made);
  return made;
}
