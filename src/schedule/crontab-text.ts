// The ways to write a crontab, brought to one: six field texts, whether they came as a string or as an object.
import { LovageError, didYouMean } from "../error.ts";
import { remember } from "./crontab-cache.ts";
import { FIELDS, isHashed } from "./crontab-field.ts";
import type { FieldName } from "./crontab-field.ts";

/** A number, a field in Celery's syntax, or several of either. */
export type CrontabField = number | string | readonly (number | string)[] | ReadonlySet<number | string>;

/** Celery's fields, in either spelling. What is left out is `*`; `second` is 0. */
export interface CrontabFields {
  readonly second?: CrontabField | undefined;
  readonly minute?: CrontabField | undefined;
  readonly hour?: CrontabField | undefined;
  readonly dayOfWeek?: CrontabField | undefined;
  readonly day_of_week?: CrontabField | undefined;
  readonly dayOfMonth?: CrontabField | undefined;
  readonly day_of_month?: CrontabField | undefined;
  readonly monthOfYear?: CrontabField | undefined;
  readonly month_of_year?: CrontabField | undefined;
}

/** One text per field, as written. */
export type FieldTexts = Readonly<Record<FieldName, string>>;

export interface CrontabText {
  readonly fields: FieldTexts;
  /** As a person would recognise it: five fields in crontab order, six with seconds first, or the nickname. */
  readonly shown: string;
  /** All six field texts. */
  readonly key: string;
  /** Whether any field holds an `H`, so that the entry's name matters. */
  readonly hashed: boolean;
}

const FIVE = ["minute", "hour", "dayOfMonth", "monthOfYear", "dayOfWeek"] as const satisfies readonly FieldName[];
const SIX = ["second", ...FIVE] as const satisfies readonly FieldName[];
const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);
const KEYS: ReadonlyMap<string, FieldName> = new Map(
  SIX.flatMap((name): [string, FieldName][] => [
    [name, name],
    [FIELDS[name].label, name],
  ]),
);

const texts = new Map<string, CrontabText>();

/** @throws LovageError (`schedule`) for a wrong number of fields, an unknown key, or a value of another shape. */
export function readCrontab(written: CrontabFields | string): CrontabText {
  if (typeof written === "string") return remember(texts, written, () => readString(written));
  if (typeof written !== "object" || written === null || Array.isArray(written)) {
    throw new LovageError("schedule", `${JSON.stringify(written)} is not a crontab`, {
      hint: 'write "30 7 * * mon" or {minute: 30, hour: 7, dayOfWeek: "mon"}',
    });
  }
  return readObject(written);
}

function readString(text: string): CrontabText {
  const trimmed = text.trim();
  const expression = trimmed.startsWith("@") ? expandNickname(trimmed) : trimmed;
  const parts = expression.split(/\s+/);
  if (parts.length !== FIVE.length && parts.length !== SIX.length) {
    throw new LovageError(
      "schedule",
      `a crontab has five fields, this has ${trimmed === "" ? 0 : parts.length}: "${text}"`,
      {
        hint: "minute hour day_of_month month_of_year day_of_week; with six fields, seconds come first",
      },
    );
  }
  const names = parts.length === FIVE.length ? FIVE : SIX;
  const given = Object.fromEntries(names.map((name, index) => [name, parts[index]]));
  return makeText(given, trimmed.startsWith("@") ? trimmed : undefined);
}

function expandNickname(text: string): string {
  const expression = NICKNAMES.get(text.toLowerCase());
  if (expression !== undefined) return expression;
  const near = didYouMean(text, NICKNAMES.keys());
  const hint = near === null ? `write one of ${[...NICKNAMES.keys()].join(", ")}` : `did you mean ${near}?`;
  throw new LovageError("schedule", `unknown crontab nickname "${text}"`, { hint });
}

function readObject(written: CrontabFields): CrontabText {
  const given: Partial<Record<FieldName, string>> = {};
  for (const [key, value] of Object.entries(written) as [string, unknown][]) {
    if (value === undefined) continue;
    const name = KEYS.get(key);
    if (name === undefined) throw unknownField(key);
    if (given[name] !== undefined)
      throw new LovageError("schedule", `${FIELDS[name].label} is given twice`, { hint: "drop one" });
    given[name] = fieldText(name, value);
  }
  return makeText(given);
}

function unknownField(key: string): LovageError {
  const near = didYouMean(key, KEYS.keys());
  const hint = near === null ? `the fields are ${[...KEYS.keys()].join(", ")}` : `did you mean ${near}?`;
  return new LovageError("schedule", `unknown crontab field "${key}"`, { hint });
}

function fieldText(name: FieldName, value: unknown): string {
  const values = Array.isArray(value) || value instanceof Set ? [...(value as Iterable<unknown>)] : [value];
  if (values.length === 0) {
    throw new LovageError("schedule", `${FIELDS[name].label}: an empty list never fires`, {
      hint: "write * for every value",
    });
  }
  return values.map((single) => valueText(name, single)).join(",");
}

function valueText(name: FieldName, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isInteger(value)) return String(value);
  const { label, min, max } = FIELDS[name];
  throw new LovageError(
    "schedule",
    `${label}: ${JSON.stringify(value)} is not a whole number or text (${min}-${max})`,
    {
      hint: 'write a number, a list of numbers, or a field such as "*/15"',
    },
  );
}

function makeText(given: Partial<Record<FieldName, string>>, nickname?: string): CrontabText {
  const withDefaults = SIX.map((name) => [name, given[name] ?? (name === "second" ? "0" : "*")] as const);
  const fields = Object.freeze(Object.fromEntries(withDefaults) as Record<FieldName, string>);
  const names = given.second === undefined ? FIVE : SIX;
  return Object.freeze({
    fields,
    shown: nickname ?? names.map((name) => fields[name]).join(" "),
    key: SIX.map((name) => fields[name]).join(" "),
    hashed: SIX.some((name) => isHashed(fields[name])),
  });
}
