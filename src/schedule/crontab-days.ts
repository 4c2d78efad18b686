// Which days a crontab's three date fields allow, as one bit mask per shape of month, so that whole months are skipped.
import type { ParsedField } from "./crontab-field.ts";
import type { DayMatch } from "./schedule.ts";

/** Days since 1 January 1970, a Thursday, in the proleptic Gregorian calendar. */
export type DayNumber = number;

export interface DayTable {
  /** Bit `month - 1`. */
  readonly months: number;
  /** Bit `day - 1`, for a month that begins on weekday `w` (Sunday is 0) and has `n` days at `4 * w + n - 28`. */
  readonly masks: readonly number[];
}

interface DateFields {
  readonly dayOfMonth: ParsedField;
  readonly monthOfYear: ParsedField;
  readonly dayOfWeek: ParsedField;
}

const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** The last whole year that a Date can hold. */
const LAST_YEAR = 275_759;

/** Whether `or` makes a difference: as in cronie, a day field that begins with `*` does not restrict. */
export function effectiveDayMatch(match: DayMatch, fields: DateFields): DayMatch {
  return match === "or" && !fields.dayOfMonth.wildcard && !fields.dayOfWeek.wildcard ? "or" : "and";
}

/** @returns null when no month ever has such a day: each month meets all weekdays and lengths within 400 years. */
export function dayTable(fields: DateFields, match: DayMatch): DayTable | null {
  const masks: number[] = [];
  for (let shape = 0; shape < 28; shape += 1) masks.push(monthMask(fields, match, shape));
  const months = fields.monthOfYear.values.reduce((bits, month) => bits | (1 << (month - 1)), 0);
  const fires = fields.monthOfYear.values.some((month) =>
    masks.some((mask, shape) => mask !== 0 && canHave(month, shape)),
  );
  return fires ? Object.freeze({ months, masks: Object.freeze(masks) }) : null;
}

/** The first allowed day from `from` on, or null when the calendar of a Date ends before it. */
export function nextDay(table: DayTable, from: DayNumber): DayNumber | null {
  // Civil from days, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March.
  const shifted = from + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return searchMonths(table, { year, month, day }, from);
}

interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

function searchMonths(table: DayTable, from: CivilDate, fromDay: DayNumber): DayNumber | null {
  let { year, month } = from;
  let first = fromDay - from.day + 1;
  let allowed = -1 << (from.day - 1);
  while (year <= LAST_YEAR) {
    const length = monthLength(year, month);
    const hits = (table.months >> (month - 1)) & 1 ? (table.masks[4 * weekday(first) + length - 28] ?? 0) & allowed : 0;
    if (hits !== 0) return first + lowestBit(hits);
    allowed = -1;
    first += length;
    month += 1;
    if (month > 12) {
      month = 1;
      year += 1;
    }
  }
  return null;
}

/** The index of the lowest bit that is set. */
export function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function monthMask(fields: DateFields, match: DayMatch, shape: number): number {
  const { dayOfMonth, dayOfWeek } = fields;
  const length = 28 + (shape % 4);
  let mask = 0;
  for (let day = 1; day <= length; day += 1) {
    const ofMonth = dayOfMonth.values.includes(day) || (dayOfMonth.last.length > 0 && day === length);
    const ofWeek = matchesWeekday(dayOfWeek, ((shape >> 2) + day - 1) % 7, { day, length });
    if (match === "or" ? ofMonth || ofWeek : ofMonth && ofWeek) mask |= 1 << (day - 1);
  }
  return mask;
}

interface Position {
  readonly day: number;
  readonly length: number;
}

function matchesWeekday(field: ParsedField, weekday: number, { day, length }: Position): boolean {
  return (
    field.values.includes(weekday) ||
    (field.last.includes(weekday) && day > length - 7) ||
    field.nth.some(([wanted, nth]) => wanted === weekday && Math.ceil(day / 7) === nth)
  );
}

function canHave(month: number, shape: number): boolean {
  const length = 28 + (shape % 4);
  return LENGTHS[month - 1] === length || (month === 2 && length === 29);
}

function monthLength(year: number, month: number): number {
  if (month !== 2) return LENGTHS[month - 1] ?? 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function weekday(day: DayNumber): number {
  return (((day + 4) % 7) + 7) % 7;
}
