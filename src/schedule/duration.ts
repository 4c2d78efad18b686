// Spans of time as people write them, to milliseconds and back: seconds as a number, `1h30m`, `250ms`, `PT5M`.
import { LovageError } from "../error.ts";

export interface DurationOptions {
  /** Whether `-15m` may be written. */
  readonly allowNegative?: boolean;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;

const UNITS: ReadonlyMap<string, number> = new Map([
  ...spellings(1, ["ms", "millisecond", "milliseconds"]),
  ...spellings(SECOND_MS, ["s", "sec", "secs", "second", "seconds"]),
  ...spellings(MINUTE_MS, ["m", "min", "mins", "minute", "minutes"]),
  ...spellings(HOUR_MS, ["h", "hr", "hrs", "hour", "hours"]),
  ...spellings(DAY_MS, ["d", "day", "days"]),
  ...spellings(WEEK_MS, ["w", "week", "weeks"]),
]);

const PLAIN_NUMBER = /^\d+(?:\.\d+)?$/;
const PARTS = /^(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+$/;
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/g;
const ISO = /^P(?=\d|T\d)(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?=\d)(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/i;
const ISO_UNITS = [WEEK_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS] as const;

/**
 * The milliseconds in a written span, rounded to a whole one. A number counts seconds, as everywhere in Celery; text is a
 * number of seconds, numbers with units (`10s`, `1h30m`, `250ms`, `1d`, `2w`, `1 hour 30 minutes`), or an ISO 8601 duration
 * (`PT5M`, `P1DT2H`). A day is 24 hours of elapsed time.
 *
 * @throws LovageError (`schedule`) when it is not a duration, or negative without `allowNegative`.
 */
export function parseDuration(written: number | string, options: DurationOptions = {}): number {
  const ms = Math.round(readSpan(written));
  if (!Number.isSafeInteger(ms)) throw notADuration(written);
  if (ms < 0 && options.allowNegative !== true) {
    throw new LovageError("schedule", `a duration cannot be negative here: ${written}`, { hint: "drop the sign" });
  }
  return ms === 0 ? 0 : ms;
}

/** A span for people: `1 hour 30 minutes`, `0.5 seconds`. */
export function formatDuration(spanMs: number): string {
  const sign = spanMs < 0 ? "-" : "";
  const whole = Math.abs(spanMs);
  const parts = [
    part(Math.floor(whole / DAY_MS), "day"),
    part(Math.floor((whole % DAY_MS) / HOUR_MS), "hour"),
    part(Math.floor((whole % HOUR_MS) / MINUTE_MS), "minute"),
    part((whole % MINUTE_MS) / SECOND_MS, "second"),
  ].filter((text) => text !== "");
  return parts.length === 0 ? "0 seconds" : sign + parts.join(" ");
}

function readSpan(written: number | string): number {
  if (typeof written === "number") return written * SECOND_MS;
  if (typeof written !== "string") throw notADuration(written);
  const text = written.trim();
  const unsigned = text.replace(/^[-+]/, "");
  const ms = readUnsigned(unsigned);
  if (ms === null) throw notADuration(written);
  return text.startsWith("-") ? -ms : ms;
}

function readUnsigned(text: string): number | null {
  if (PLAIN_NUMBER.test(text)) return Number(text) * SECOND_MS;
  return readIso(text) ?? readParts(text);
}

function readIso(text: string): number | null {
  const match = ISO.exec(text);
  if (match === null) return null;
  const counts = match.slice(1).map((count) => Number(count ?? 0));
  return counts.some(Number.isNaN)
    ? null
    : counts.reduce((sum, count, unit) => sum + count * (ISO_UNITS[unit] ?? 0), 0);
}

function readParts(text: string): number | null {
  if (!PARTS.test(text)) return null;
  const seen = new Set<number>();
  let sum = 0;
  for (const [, count, unit] of text.matchAll(PART)) {
    const unitMs = UNITS.get(unit ?? "");
    // The same unit twice is a slip of the pen, not a sum.
    if (unitMs === undefined || seen.has(unitMs)) return null;
    seen.add(unitMs);
    sum += Number(count) * unitMs;
  }
  return sum;
}

function notADuration(written: unknown): LovageError {
  const shown = typeof written === "string" ? `"${written}"` : String(written);
  const calendar = typeof written === "string" && /^[-+]?P[\d.]*\d[YM]|\d\s*(?:months?|years?|M|Y|y)\b/.test(written);
  const hint = calendar
    ? "months and years have no fixed length: use a crontab, or days"
    : "write seconds (10), or units: 10s, 1h30m, 250ms, 2d, PT5M";
  return new LovageError("schedule", `${shown} is not a duration`, { hint });
}

function part(count: number, unit: string): string {
  if (count === 0) return "";
  const rounded = Number(count.toFixed(3));
  return `${rounded} ${unit}${rounded === 1 ? "" : "s"}`;
}

function spellings(unitMs: number, names: readonly string[]): [string, number][] {
  return names.map((name) => [name, unitMs]);
}
