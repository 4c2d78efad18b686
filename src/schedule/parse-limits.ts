// Start, end and exclusions as people write them, made into the limits of a schedule.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Exclusion, Limits } from "./limits.ts";
import type { Attempt } from "./parse-attempt.ts";
import { checkCrontab, isCrontabText } from "./parse-schedule.ts";
import type { Path } from "./schema-issues.ts";
import type { EntryData, ExclusionData } from "./schema.ts";
import { zone } from "./zone.ts";
import { instantOf, readTime } from "./zone-time.ts";

const DATE = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

export function readLimits(data: EntryData, timezone: string, attempt: Attempt): Limits {
  const { start_at: start, end_at: end, exclude } = data;
  const startAt = start === undefined ? null : attempt(["start_at"], () => readStart(start, timezone));
  const endAt = end === undefined ? null : attempt(["end_at"], () => readEnd(end, timezone));
  if (startAt !== null && startAt !== undefined && endAt !== null && endAt !== undefined && endAt < startAt) {
    attempt(["end_at"], () => {
      throw new LovageError("schedule", "is before start_at, so nothing would ever run");
    });
  }
  return { startAt, endAt, exclude: exclude === undefined ? [] : readExclusions(exclude, attempt), timezone };
}

function readStart(text: string, timezone: string): Instant {
  return instantOf(readTime(text, "start_at"), zone(timezone));
}

/** A mere date is meant as people mean it: that day is still in. */
function readEnd(text: string, timezone: string): Instant {
  const time = readTime(text, "end_at");
  if (!DATE.test(text.trim()) || time.kind === "instant") return instantOf(time, zone(timezone));
  return instantOf({ kind: "wall", wall: time.wall + DAY_MS }, zone(timezone)) - 1;
}

function readExclusions(data: ExclusionData | readonly ExclusionData[], attempt: Attempt): readonly Exclusion[] {
  if (!Array.isArray(data)) return readExclusion(data as ExclusionData, ["exclude"], attempt);
  return (data as readonly ExclusionData[]).flatMap((item, index) => readExclusion(item, ["exclude", index], attempt));
}

function readExclusion(data: ExclusionData, path: Path, attempt: Attempt): readonly Exclusion[] {
  if (typeof data === "string" && !isCrontabText(data)) {
    const [from = "", to = from, more] = data.split("..").map((date) => date.trim());
    return listOf(attempt(path, () => readDays(from, more === undefined ? to : data)));
  }
  if (typeof data === "object" && "from" in data) return listOf(attempt(path, () => readDays(data.from, data.to)));
  const spec = typeof data === "string" ? data : data.crontab;
  if (!checkCrontab(spec, typeof data === "string" ? path : [...path, "crontab"], attempt)) return [];
  return [{ crontab: spec }];
}

function readDays(from: string, to: string): Exclusion {
  for (const date of [from, to]) {
    if (!DATE.test(date)) throw notADate(date);
    readTime(date, "exclude");
  }
  if (from <= to) return { from, to };
  throw new LovageError("schedule", `${from} comes after ${to}`, { hint: `write ${to}..${from}` });
}

function notADate(text: string): LovageError {
  return new LovageError("schedule", `${JSON.stringify(text)} is not a date`, {
    hint: 'write 2026-12-25, 2026-12-24..2027-01-01, or a crontab such as "* 0-6 * * *"',
  });
}

function listOf(exclusion: Exclusion | undefined): readonly Exclusion[] {
  return exclusion === undefined ? [] : [exclusion];
}
