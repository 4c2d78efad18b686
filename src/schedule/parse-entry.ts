// Makes one checked definition into a frozen Entry, or into everything that is wrong with it.
import { LovageError } from "../error.ts";
import { parseDuration } from "./duration.ts";
import type { Entry } from "./entry.ts";
import type { Attempt } from "./parse-attempt.ts";
import { attemptInto } from "./parse-attempt.ts";
import { bindSchedule, hashSchedule, limitSchedule } from "./parse-bind.ts";
import { frozenCopy } from "./parse-frozen.ts";
import { readLimits } from "./parse-limits.ts";
import { readOptions } from "./parse-options.ts";
import { readPing } from "./parse-ping.ts";
import type { Schedule } from "./schedule.ts";
import type { Issue } from "./schema-issues.ts";
import type { EntryData } from "./schema.ts";
import { sharedOptions, sharedText } from "./shared.ts";
import { assertZone } from "./zone.ts";

export interface EntryPlace {
  readonly name: string;
  /** For people: where it was written. */
  readonly source: string;
  /** IANA name, known to be good: the zone of an entry that has none of its own. */
  readonly timezone: string;
  /** For an entry that does not say how old a missed occurrence may be. */
  readonly missedWithinMs: number | null;
}

export type BuiltEntry = { readonly entry: Entry } | { readonly issues: readonly Issue[] };

/** `given`: a schedule made in code already, to use instead of the one in `data`. Paths of issues begin at the entry. */
export function buildEntry(data: EntryData, place: EntryPlace, given?: Schedule): BuiltEntry {
  const issues: Issue[] = [];
  const attempt = attemptInto(issues);
  // After an unknown zone the others' mistakes are still worth finding.
  const timezone = readTimezone(data, place.timezone, given, attempt) ?? place.timezone;
  const options = readOptions(data.options ?? {}, timezone, attempt);
  const spans = readSpans(data, place.missedWithinMs, attempt);
  const ping = data.ping === undefined ? null : readPing(data.ping, attempt);
  const limits = readLimits(data, timezone, attempt);
  const payload = copyPayload(data, options, attempt);
  const bound = bindSchedule(data, { name: place.name, timezone }, given, attempt);
  const schedule = bound === undefined || issues.length > 0 ? undefined : limitSchedule(bound, limits, attempt);
  if (schedule === undefined || issues.length > 0) return { issues };
  return { entry: freezeEntry({ data, place, timezone, schedule, ping, ...payload, ...spans }) };
}

type Payload = Pick<Entry, "args" | "kwargs" | "options">;

function copyPayload({ args = [], kwargs = {} }: EntryData, options: Payload["options"], attempt: Attempt): Payload {
  return {
    args: attempt(["args"], () => frozenCopy(args)) ?? [],
    kwargs: attempt(["kwargs"], () => frozenCopy(kwargs)) ?? {},
    options: attempt(["options"], () => sharedOptions(frozenCopy(options))) ?? {},
  };
}

interface EntryParts extends Pick<Entry, "timezone" | "args" | "kwargs" | "options" | "schedule" | "ping">, Spans {
  readonly data: EntryData;
  readonly place: EntryPlace;
}

function freezeEntry({ data, place, schedule, jitterMs, ...parts }: EntryParts): Entry {
  const enabled = data.enabled ?? true;
  const maxRuns = data.max_runs ?? null;
  return Object.freeze({
    name: place.name,
    task: sharedText(data.task),
    args: parts.args,
    kwargs: parts.kwargs,
    options: parts.options,
    schedule,
    timezone: sharedText(parts.timezone),
    enabled,
    jitterMs,
    missed: data.missed ?? "latest",
    missedWithinMs: parts.missedWithinMs,
    overlap: data.overlap ?? "allow",
    overlapLimitMs: parts.overlapLimitMs,
    ping: parts.ping,
    maxRuns,
    description: data.description ?? null,
    scheduleHash: hashSchedule(schedule, { enabled, jitterMs, maxRuns }),
    source: place.source,
  });
}

/** The zone written in the schedule itself is the entry's too, unless the entry has another. */
function readTimezone(
  data: EntryData,
  fallback: string,
  given: Schedule | undefined,
  attempt: Attempt,
): string | undefined {
  const { timezone } = data;
  if (timezone !== undefined) return attempt(["timezone"], () => checkZone(timezone));
  // A schedule object that leaves its zone open takes the fallback when it is bound to it; one that has its own keeps it.
  const own = given === undefined ? data.schedule : (given.bind?.({ timezone: fallback }) ?? given).toJSON?.();
  if (typeof own !== "object" || !("timezone" in own) || typeof own.timezone !== "string") return fallback;
  const inSchedule = own.timezone;
  return attempt(["schedule", "timezone"], () => checkZone(inSchedule));
}

function checkZone(name: string): string {
  assertZone(name);
  return name;
}

type Spans = Pick<Entry, "jitterMs" | "missedWithinMs" | "overlapLimitMs">;

function readSpans(data: EntryData, missedWithinMs: number | null, attempt: Attempt): Spans {
  const { jitter = 0, missed_within: missedWithin, overlap_limit: overlapLimit } = data;
  return {
    jitterMs: attempt(["jitter"], () => parseDuration(jitter)) ?? 0,
    missedWithinMs:
      missedWithin === undefined
        ? missedWithinMs
        : (attempt(["missed_within"], () => parseDuration(missedWithin)) ?? null),
    overlapLimitMs:
      overlapLimit === undefined ? null : (attempt(["overlap_limit"], () => readOverlapLimit(overlapLimit)) ?? null),
  };
}

function readOverlapLimit(written: number | string): number {
  const limitMs = parseDuration(written);
  if (limitMs > 0) return limitMs;
  throw new LovageError("schedule", "wants more than 0 seconds: every run would count as gone at once", {
    hint: "to let runs overlap, write overlap: allow",
  });
}
