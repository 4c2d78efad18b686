// From field texts to bit sets, each worked out once.
import { LovageError } from "../error.ts";
import { remember } from "./crontab-cache.ts";
import { dayTable, effectiveDayMatch } from "./crontab-days.ts";
import type { DayTable } from "./crontab-days.ts";
import { isHashed, parseField } from "./crontab-field.ts";
import type { FieldName, ParsedField } from "./crontab-field.ts";
import { bitSet } from "./crontab-next.ts";
import type { BitSet, LabelSet } from "./crontab-next.ts";
import type { CrontabText, FieldTexts } from "./crontab-text.ts";
import type { DayMatch } from "./schedule.ts";

export interface CompiledCrontab {
  readonly labels: LabelSet;
  /** The fields in their canonical form: the same for every way to write the same sets. */
  readonly fields: FieldTexts;
  /** `or` only where it makes a difference. */
  readonly dayMatch: DayMatch;
  /** Whether the minute or the hour begins with `*`, so that the crontab follows the wall clock through a change. */
  readonly wildcard: boolean;
}

const parsedFields = new Map<string, ParsedField>();
const dayTables = new Map<string, DayTable>();
const timeSets = new Map<string, BitSet>();
const compiledTexts = new Map<string, CompiledCrontab>();

/**
 * @param hashKey what `H` hashes: the entry's name.
 * @throws LovageError (`schedule`) for a field that cannot be read, and for a crontab that can never fire.
 */
export function compileCrontab(text: CrontabText, dayMatch: DayMatch, hashKey: string): CompiledCrontab {
  if (text.hashed) return compile(text.fields, dayMatch, hashKey);
  return remember(compiledTexts, `${dayMatch} ${text.key}`, () => compile(text.fields, dayMatch, ""));
}

function compile(texts: FieldTexts, wanted: DayMatch, hashKey: string): CompiledCrontab {
  const parsed = parseAll(texts, hashKey);
  const dayMatch = effectiveDayMatch(wanted, parsed);
  const days = compileDays(parsed, dayMatch);
  if (days === null) throw neverFires(texts);
  const labels = Object.freeze({
    seconds: compileTimes("second", parsed),
    minutes: compileTimes("minute", parsed),
    hours: compileTimes("hour", parsed),
    days,
  });
  const fields = mapFields((name) => parsed[name].canonical);
  return Object.freeze({ labels, fields, dayMatch, wildcard: parsed.minute.wildcard || parsed.hour.wildcard });
}

function parseAll(texts: FieldTexts, hashKey: string): Readonly<Record<FieldName, ParsedField>> {
  return mapFields((name) => {
    const text = texts[name];
    if (isHashed(text)) return parseField(name, text, hashKey);
    return remember(parsedFields, `${name} ${text}`, () => parseField(name, text, ""));
  });
}

function compileDays(parsed: Readonly<Record<FieldName, ParsedField>>, match: DayMatch): DayTable | null {
  const { dayOfMonth, monthOfYear, dayOfWeek } = parsed;
  const key = `${match} ${dayOfMonth.canonical} ${monthOfYear.canonical} ${dayOfWeek.canonical}`;
  const known = dayTables.get(key) ?? dayTable(parsed, match);
  return known === null ? null : remember(dayTables, key, () => known);
}

function compileTimes(name: FieldName, parsed: Readonly<Record<FieldName, ParsedField>>): BitSet {
  // `*` is another set in each field.
  return remember(timeSets, `${name} ${parsed[name].canonical}`, () => bitSet(parsed[name].values));
}

function neverFires(texts: FieldTexts): LovageError {
  const { dayOfMonth, monthOfYear, dayOfWeek } = texts;
  const days = `day_of_month ${dayOfMonth}, month_of_year ${monthOfYear}, day_of_week ${dayOfWeek}`;
  return new LovageError("schedule", `this crontab can never fire: ${days}`, {
    hint: "every field must match; no year has such a day",
  });
}

function mapFields<T>(make: (name: FieldName) => T): Readonly<Record<FieldName, T>> {
  return Object.freeze({
    second: make("second"),
    minute: make("minute"),
    hour: make("hour"),
    dayOfMonth: make("dayOfMonth"),
    monthOfYear: make("monthOfYear"),
    dayOfWeek: make("dayOfWeek"),
  });
}
