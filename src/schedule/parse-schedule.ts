// The ways to write down a schedule, each made into the schedule it means.
import { LovageError } from "../error.ts";
import { clocked } from "./clocked.ts";
import { crontab } from "./crontab.ts";
import { parseDuration } from "./duration.ts";
import { every } from "./interval.ts";
import type { Attempt } from "./parse-attempt.ts";
import { MisplacedError } from "./parse-attempt.ts";
import type { Schedule } from "./schedule.ts";
import type { Path } from "./schema-issues.ts";
import type { CrontabData, ScheduleData } from "./schema.ts";
import { solar } from "./solar.ts";
import { assertZone } from "./zone.ts";

type Of<Key extends string> = Extract<ScheduleData, { readonly [key in Key]: unknown }>;

/** Undefined where there are mistakes; `attempt` has them, under paths that begin with `schedule`. */
export function readSchedule(data: ScheduleData, relative: boolean, attempt: Attempt): Schedule | undefined {
  if (typeof data === "number") return attempt(["schedule"], () => every(data, { relative }));
  if (typeof data === "string") return readText(data, relative, attempt);
  if ("every" in data) return readInterval(data, relative, attempt);
  if ("crontab" in data) return readCrontabObject(data, attempt);
  if ("solar" in data) return readSolar(data, attempt);
  return attempt(["schedule", "at"], () => clocked(data.at));
}

/** Five fields, six with seconds, or a nickname such as `@daily`. */
export function isCrontabText(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  return text.trim().startsWith("@") || fields.length === 5 || fields.length === 6;
}

/** Tries the whole crontab, and where that fails each field by itself, so that the error points at the field. */
export function checkCrontab(data: CrontabData, path: Path, attempt: Attempt): boolean {
  if (typeof data === "string") return checkCrontabText(data, path, attempt);
  if (failureOf(() => crontab(data)) === null) return true;
  const wrong = Object.entries(data).filter(([key, value]) => failureOf(() => crontab({ [key]: value })) !== null);
  for (const [key, value] of wrong) attempt([...path, key], () => crontab({ [key]: value }));
  if (wrong.length === 0) attempt(path, () => crontab(data));
  return false;
}

function checkCrontabText(text: string, path: Path, attempt: Attempt): boolean {
  if (failureOf(() => crontab(text)) === null) return true;
  const fields = [...text.matchAll(/\S+/g)];
  const isCounted = fields.length === 5 || fields.length === 6;
  const failures = (isCounted ? fields : []).flatMap(({ index }) => {
    const alone = fields.map((field) => (field.index === index ? field[0] : "*")).join(" ");
    const failure = failureOf(() => crontab(alone));
    return failure === null ? [] : [new MisplacedError(failure, index)];
  });
  for (const failure of failures) {
    attempt(path, () => {
      throw failure;
    });
  }
  if (failures.length === 0) attempt(path, () => crontab(text));
  return false;
}

function failureOf(read: () => unknown): LovageError | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof LovageError) return error;
    throw error;
  }
}

function readText(text: string, relative: boolean, attempt: Attempt): Schedule | undefined {
  if (isCrontabText(text)) return checkCrontabText(text, ["schedule"], attempt) ? crontab(text) : undefined;
  return attempt(["schedule"], () => {
    if (failureOf(() => parseDuration(text)) !== null) throw notASchedule(text);
    return every(text, { relative });
  });
}

function notASchedule(text: string): LovageError {
  const message = `${JSON.stringify(text)} is neither a span such as 1h30m nor a crontab such as "30 7 * * mon"`;
  return new LovageError("schedule", message, { hint: hintForText(text.trim()) });
}

function hintForText(text: string): string | undefined {
  const span = /^every\s+(.+)$/i.exec(text)?.[1];
  if (span !== undefined && failureOf(() => parseDuration(span)) === null) return `write ${span}`;
  if (/^\d{4}-\d\d-\d\d/.test(text)) return `write {at: ${text}}`;
  if (/^(?:sun(?:rise|set)|solar_noon|(?:dawn|dusk)_\w+)$/.test(text)) {
    return `write {solar: ${text}, latitude: …, longitude: …}`;
  }
  const { length } = text.split(/\s+/);
  const isNearCrontab = /^[\d*]\S*\s/.test(text) && /[*,/]|^\d+\s+\d+\s/.test(text);
  return isNearCrontab ? `a crontab has five fields, this has ${length}` : undefined;
}

function readInterval(data: Of<"every">, relative: boolean, attempt: Attempt): Schedule | undefined {
  const interval = attempt(["schedule", "every"], () => every(data.every));
  if (interval === undefined) return undefined;
  const key = data.anchor === undefined ? "relative" : "anchor";
  return attempt(["schedule", key], () =>
    every(data.every, { anchor: data.anchor, relative: data.relative ?? relative }),
  );
}

function readCrontabObject(data: Of<"crontab">, attempt: Attempt): Schedule | undefined {
  const { timezone, dst, day_match: dayMatch } = data;
  const isSound = [
    checkCrontab(data.crontab, ["schedule", "crontab"], attempt),
    attempt(["schedule", "timezone"], () => timezone === undefined || assertZone(timezone) === undefined),
  ];
  if (isSound.includes(false) || isSound.includes(undefined)) return undefined;
  return attempt(["schedule", "crontab"], () => crontab(data.crontab, { timezone, dst, dayMatch }));
}

function readSolar(data: Of<"solar">, attempt: Attempt): Schedule | undefined {
  const { offset = 0, latitude, longitude } = data;
  const offsetMs = attempt(["schedule", "offset"], () => parseDuration(offset, { allowNegative: true }));
  const event = attempt(["schedule", "solar"], () => solar(data.solar, latitude, longitude));
  if (offsetMs === undefined || event === undefined) return undefined;
  return attempt(["schedule", "offset"], () => solar(data.solar, latitude, longitude, { offset }));
}
