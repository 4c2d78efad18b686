// One field of a crontab, read exactly as Celery's crontab_parser reads it, and beyond that L, nL, n#m, H and 7.
import { LovageError } from "../error.ts";
import { hashedValues } from "./crontab-hash.ts";

export type FieldName = "second" | "minute" | "hour" | "dayOfMonth" | "monthOfYear" | "dayOfWeek";

export interface FieldRange {
  /** As Celery and schedule files spell it. */
  readonly label: string;
  readonly min: number;
  readonly max: number;
}

export const FIELDS: Readonly<Record<FieldName, FieldRange>> = Object.freeze({
  second: { label: "second", min: 0, max: 59 },
  minute: { label: "minute", min: 0, max: 59 },
  hour: { label: "hour", min: 0, max: 23 },
  dayOfMonth: { label: "day_of_month", min: 1, max: 31 },
  monthOfYear: { label: "month_of_year", min: 1, max: 12 },
  dayOfWeek: { label: "day_of_week", min: 0, max: 6 },
});

export interface ParsedField {
  /** Ascending, without repetition; Sunday is 0. */
  readonly values: readonly number[];
  /** Weekdays of which the month's last counts; in the day of the month `[0]` stands for the month's last day. */
  readonly last: readonly number[];
  /** Weekday and which of the month: `[1, 2]` is the second Monday. */
  readonly nth: readonly (readonly [weekday: number, nth: number])[];
  /** Whether it was written beginning with `*`: such a field does not restrict. */
  readonly wildcard: boolean;
  /** The same for every way to write the same set. */
  readonly canonical: string;
}

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

// Celery matches these at the start only, so what follows a match is ignored there, and here.
const RANGE_WITH_STEP = /^(\w+?)-(\w+)\/(\w+)?/;
const RANGE = /^(\w+?)-(\w+)/;
const STAR_WITH_STEP = /^\*\/(\w+)?/;
const WHOLE_NUMBER = /^\s*([+-]?\d+(?:_\d+)*)\s*$/;
const LAST_WEEKDAY = /^([0-7]|(?:sun|mon|tue|wed|thu|fri|sat)[a-z]*)L$/i;
const NTH_WEEKDAY = /^([0-7]|(?:sun|mon|tue|wed|thu|fri|sat)[a-z]*)#([1-5])$/i;
const NTH_HINT = "2#1 is the first Tuesday; # takes one weekday, list several";

/** Whether the text holds an `H`, whose value depends on the entry's name. */
export function isHashed(text: string): boolean {
  return /(?:^|,)H/.test(text);
}

/**
 * Expands a field to its values.
 *
 * Numbers, names by their first three letters (`mon`, `monday`, `jan`), `*`, ranges that may wrap around (`fri-mon`,
 * `22-2`), steps on `*` and on ranges, and lists of these, as `celery.schedules.crontab_parser` has them; `7` for Sunday;
 * `L` in the day of the month, `5L` and `1#2` in the day of the week; `H`, `H(0-29)`, `H/15`, `H(0-29)/10` anywhere.
 *
 * @param hashKey what `H` hashes, together with the field: the entry's name.
 * @throws LovageError (`schedule`) naming the field, its range and the offending text.
 */
export function parseField(name: FieldName, text: string, hashKey: string): ParsedField {
  const reader: Reader = {
    name,
    range: FIELDS[name],
    text,
    hashKey,
    values: new Set(),
    last: new Set(),
    nth: new Map(),
  };
  for (const part of text.split(",")) readPart(reader, part);
  const values = [...reader.values].sort((left, right) => left - right);
  const last = [...reader.last].sort((left, right) => left - right);
  const nth = [...reader.nth].sort(([left], [right]) => left.localeCompare(right)).map(([, pair]) => pair);
  const parsed = { values, last, nth, wildcard: text.startsWith("*") };
  return Object.freeze({ ...parsed, canonical: canonicalText(reader.range, parsed) });
}

interface Reader {
  readonly name: FieldName;
  readonly range: FieldRange;
  readonly text: string;
  readonly hashKey: string;
  readonly values: Set<number>;
  readonly last: Set<number>;
  readonly nth: Map<string, readonly [number, number]>;
}

function readPart(reader: Reader, part: string): void {
  if (part === "") throw fieldError(reader, "an empty part", "write * for every value");
  if (readDayPart(reader, part)) return;
  const values = part.startsWith("H") ? readHash(reader, part) : expand(reader, part);
  for (const value of values) reader.values.add(reader.name === "dayOfWeek" ? value % 7 : value);
}

function readHash(reader: Reader, part: string): readonly number[] {
  const values = hashedValues(part, reader);
  if (typeof values !== "string") return values;
  throw fieldError(reader, values, "write H, H(0-29), H/15 or H(0-29)/10");
}

/** `L`, `5L` and `1#2`: days that differ from month to month. */
function readDayPart(reader: Reader, part: string): boolean {
  if (reader.name === "dayOfMonth") return readLastDay(reader, part);
  return reader.name === "dayOfWeek" && (readLastWeekday(reader, part) || readNthWeekday(reader, part));
}

function readLastDay({ last }: Reader, part: string): boolean {
  if (!/^L$/i.test(part)) return false;
  last.add(0);
  return true;
}

function readLastWeekday({ last }: Reader, part: string): boolean {
  const weekday = LAST_WEEKDAY.exec(part)?.[1];
  if (weekday !== undefined) last.add(weekdayOf(weekday));
  return weekday !== undefined;
}

function readNthWeekday(reader: Reader, part: string): boolean {
  if (!part.includes("#")) return false;
  const match = NTH_WEEKDAY.exec(part);
  // Celery would drop the # and what follows, and run on other days than it says.
  if (match === null) throw fieldError(reader, `${part} is not weekday#n, n 1-5`, NTH_HINT);
  const [weekday, nth] = [weekdayOf(match[1] ?? ""), Number(match[2])];
  reader.nth.set(`${weekday}#${nth}`, [weekday, nth]);
  return true;
}

function weekdayOf(text: string): number {
  const index = WEEKDAYS.indexOf(text.slice(0, 3).toLowerCase());
  return index >= 0 ? index : Number(text) % 7;
}

function expand(reader: Reader, part: string): readonly number[] {
  const stepped = RANGE_WITH_STEP.exec(part);
  if (stepped !== null) return everyNth(reader, expandRange(reader, stepped), stepped[3]);
  const range = RANGE.exec(part);
  if (range !== null) return expandRange(reader, range);
  const star = STAR_WITH_STEP.exec(part);
  if (star !== null) return everyNth(reader, expandAll(reader.range), star[1]);
  return part === "*" ? expandAll(reader.range) : [readNumber(reader, part)];
}

function expandAll({ min, max }: FieldRange): readonly number[] {
  return Array.from({ length: max - min + 1 }, (_, index) => min + index);
}

function expandRange(reader: Reader, match: RegExpExecArray): readonly number[] {
  const from = readNumber(reader, match[1] ?? "");
  const to = readNumber(reader, match[2] ?? "");
  if (from <= to) return expandAll({ ...reader.range, min: from, max: to });
  // Wrapping around from Sunday as 7 begins at Sunday as 0.
  const head = from > reader.range.max ? [] : expandAll({ ...reader.range, min: from });
  return [...head, ...expandAll({ ...reader.range, max: to })];
}

function everyNth(reader: Reader, values: readonly number[], text: string | undefined): readonly number[] {
  if (text === undefined) throw fieldError(reader, "a / without its step", "write a whole number after it, as in */5");
  const step = wholeNumber(text);
  if (step === null) throw fieldError(reader, `step ${text} is not a number`, "write a whole number, as in */5");
  if (step === 0) throw fieldError(reader, "a step must be at least 1", "write a whole number, as in */5");
  return values.filter((_, index) => index % step === 0);
}

function readNumber(reader: Reader, text: string): number {
  const value = wholeNumber(text) ?? nameValue(text);
  if (value === null) throw notUnderstood(reader, text);
  const { min } = reader.range;
  // Sunday is 0 and, in other crons, 7.
  const max = reader.name === "dayOfWeek" ? 7 : reader.range.max;
  if (value < min || value > max) throw fieldError(reader, `${value} is out of range (${min}-${max})`, undefined, text);
  return value;
}

function wholeNumber(text: string): number | null {
  const digits = WHOLE_NUMBER.exec(text)?.[1];
  return digits === undefined ? null : Number(digits.replaceAll("_", ""));
}

/** Celery takes any name in any field, months before weekdays, by its first three letters. */
function nameValue(text: string): number | null {
  const start = text.slice(0, 3).toLowerCase();
  if (MONTHS.includes(start)) return MONTHS.indexOf(start) + 1;
  return WEEKDAYS.includes(start) ? WEEKDAYS.indexOf(start) : null;
}

function notUnderstood(reader: Reader, text: string): LovageError {
  const { min, max } = reader.range;
  return fieldError(
    reader,
    `${JSON.stringify(text)} is neither a number nor a name (${min}-${max})`,
    hintFor(reader, text),
    text,
  );
}

function hintFor({ name, range }: Reader, text: string): string | undefined {
  const [, start, step] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (step !== undefined) return `write ${start}-${range.max}/${step}`;
  if (text === "?") return "write *";
  if (/\s/.test(text)) return "write it without spaces";
  if (/^L$/i.test(text) && name === "dayOfWeek") return "name the weekday: 5L is the last Friday";
  if (/L$/i.test(text) && name !== "dayOfWeek") return "L is for the last day of the month, nL for a weekday's last";
  return /W$/i.test(text) ? "W (the nearest weekday) is not supported" : undefined;
}

function fieldError(reader: Reader, problem: string, hint: string | undefined, offending?: string): LovageError {
  const where = offending === reader.text ? "" : ` in ${JSON.stringify(reader.text)}`;
  return new LovageError("schedule", `${reader.range.label}: ${problem}${where}`, { hint });
}

function canonicalText(range: FieldRange, { values, last, nth }: Pick<ParsedField, "values" | "last" | "nth">): string {
  if (values.length === range.max - range.min + 1) return "*";
  const lasts = last.map((weekday) => (range.label === "day_of_month" ? "L" : `${weekday}L`));
  return [...runs(values), ...lasts, ...nth.map(([weekday, count]) => `${weekday}#${count}`)].join(",");
}

/** Neighbours joined: 1, 2, 3, 7 is `1-3`, `7`. */
function runs(values: readonly number[]): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  for (let index = 0; index < values.length; index += 1) {
    if (values[index + 1] === (values[index] ?? 0) + 1) continue;
    parts.push(start === index ? `${values[start]}` : `${values[start]}-${values[index]}`);
    start = index + 1;
  }
  return parts;
}
