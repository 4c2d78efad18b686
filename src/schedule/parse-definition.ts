// Entries as code gives them (camel case, Dates, ready-made schedules), brought to the words of schedule files, so that one
// check serves both.
import type { DstPolicy } from "./dst.ts";
import type { EntryOptions, EntryPing, MissedPolicy, OverlapPolicy } from "./entry.ts";
import type { DayMatch, Schedule } from "./schedule.ts";
import { isSchedule } from "./schedule.ts";
import type { Path } from "./schema-issues.ts";
import { knownKeys } from "./schema.ts";

/** An entry from code. Only name, task and schedule are needed; spans are seconds, or text such as `1h30m`. */
export interface EntryDefinition {
  readonly name: string;
  readonly task: string;
  /** Seconds, a span, a crontab text, an object as in a schedule file (in camel case), or a Schedule. */
  readonly schedule: number | string | object | Schedule;
  readonly args?: readonly unknown[] | undefined;
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** As in `EntryOptions`, but spans may be text (`expires: "10m"`) and a signature need not be in a list. */
  readonly options?: EntryOptions | Readonly<Record<string, unknown>> | undefined;
  readonly relative?: boolean | undefined;
  readonly timezone?: string | undefined;
  readonly dst?: DstPolicy | undefined;
  readonly dayMatch?: DayMatch | undefined;
  /** Epoch milliseconds, a Date, or ISO 8601 text; text without an offset is in the entry's zone. */
  readonly startAt?: TimePoint | undefined;
  readonly endAt?: TimePoint | undefined;
  readonly maxRuns?: number | undefined;
  readonly exclude?: unknown;
  readonly enabled?: boolean | undefined;
  readonly jitter?: number | string | undefined;
  readonly missed?: MissedPolicy | undefined;
  readonly missedWithin?: number | string | undefined;
  /** What to do while the previous run has not ended; `allow` by default. */
  readonly overlap?: OverlapPolicy | undefined;
  /** A run that has shown no end for so long counts as gone. */
  readonly overlapLimit?: number | string | undefined;
  /** A URL to fetch when a run was sent, with `/fail` at its end when one could not be; or one for each. */
  readonly ping?: string | Partial<EntryPing> | undefined;
  readonly description?: string | undefined;
}

type TimePoint = number | Date | string;

export interface DefinitionInWords {
  /** To be checked like an entry of a file. */
  readonly data: Readonly<Record<string, unknown>>;
  /** A schedule that was given ready-made; `data` has a stand-in for it. */
  readonly given: Schedule | undefined;
}

export function toFileWords(definition: EntryDefinition): DefinitionInWords {
  const { name: _, schedule, ...rest } = definition;
  const given = isSchedule(schedule) ? schedule : undefined;
  const data = snakeKeys(rest);
  const words: Record<string, unknown> = { ...data, schedule: given === undefined ? scheduleWords(schedule) : 1 };
  for (const key of ["start_at", "end_at"]) if (key in words) words[key] = timeWords(words[key]);
  if (isMap(words["ping"])) words["ping"] = pingWords(words["ping"]);
  if (isMap(words["options"])) words["options"] = optionWords(words["options"]);
  if (isMap(words["exclude"])) words["exclude"] = exclusionWords(words["exclude"]);
  if (Array.isArray(words["exclude"])) words["exclude"] = words["exclude"].map(exclusionWords);
  return { data: words, given };
}

/** The reverse, for what is said about mistakes: `missed_within` is `missedWithin` to somebody who writes code. */
export function toCodePath(path: Path): Path {
  return path.map((key) => (typeof key === "string" ? camel(key) : key));
}

export function toCodeWords(text: string): string {
  return text.replaceAll(/\b[a-z]+(?:_[a-z]+)+\b/g, (word) => (snakeWords.has(word) ? camel(word) : word));
}

const snakeWords = new Set(
  Object.values(knownKeys)
    .flat()
    .filter((word) => word.includes("_")),
);

function scheduleWords(schedule: unknown): unknown {
  if (!isMap(schedule)) return schedule;
  const words = snakeKeys(schedule);
  if (isMap(words["crontab"])) words["crontab"] = crontabWords(words["crontab"]);
  for (const key of ["at", "anchor"]) if (key in words) words[key] = timeWords(words[key]);
  return words;
}

/** Sets of values, as Celery's crontab takes them, are lists in a file. */
function crontabWords(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const words = snakeKeys(fields);
  for (const [key, value] of Object.entries(words)) if (value instanceof Set) words[key] = [...(value as Set<unknown>)];
  return words;
}

/** What is null is not given. */
function pingWords(ping: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(ping).filter(([, url]) => url !== null && url !== undefined));
}

function exclusionWords(exclusion: unknown): unknown {
  if (!isMap(exclusion)) return exclusion;
  return isMap(exclusion["crontab"]) ? { ...exclusion, crontab: crontabWords(exclusion["crontab"]) } : exclusion;
}

function optionWords(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const words = snakeKeys(options);
  for (const key of ["eta", "expires"]) if (words[key] instanceof Date) words[key] = timeWords(words[key]);
  for (const key of ["link", "link_error"]) if (key in words) words[key] = linkWords(words[key]);
  return words;
}

function linkWords(link: unknown): unknown {
  return Array.isArray(link) ? link.map(signatureWords) : signatureWords(link);
}

/** Signatures know themselves how they are written into a message. */
function signatureWords(signature: unknown): unknown {
  if (typeof signature !== "object" || signature === null) return signature;
  const { toJSON } = signature as { readonly toJSON?: unknown };
  return typeof toJSON === "function" ? (toJSON.call(signature) as unknown) : signature;
}

function timeWords(value: unknown): unknown {
  const date = typeof value === "number" ? new Date(value) : value;
  return date instanceof Date && !Number.isNaN(date.getTime()) ? date.toISOString() : value;
}

/** Keys that are in snake case already stay, and what is undefined is left out. */
function snakeKeys(map: object): Record<string, unknown> {
  const entries = Object.entries(map).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [snake(key), value as unknown]));
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camel(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
