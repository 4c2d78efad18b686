// Written times: reading `2026-12-24T18:00`, with an offset or in a zone, and showing an instant as a zone's clock does.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { WallTime, Zone } from "./zone.ts";

/** A point in time as people give it: epoch milliseconds, a Date, or ISO 8601 text. */
export type TimeInput = Instant | Date | string;

/** A point in time that may still need a zone to be an instant. */
export type WrittenTime =
  | { readonly kind: "instant"; readonly at: Instant }
  | { readonly kind: "wall"; readonly wall: WallTime };

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * Reads a point in time. Text is ISO 8601: `2026-12-24T18:00`, `2026-12-24 18:00:30.5`, `2026-12-24T18:00Z`,
 * `2026-12-24T18:00+08:00`, or a date alone, which is its midnight. Text without an offset is a wall time.
 *
 * @param what names the value in the error.
 * @throws LovageError (`schedule`) for a date that does not exist or a value of another shape.
 */
export function readTime(input: TimeInput, what: string): WrittenTime {
  if (typeof input === "string") {
    const read = readIso(input.trim());
    if (read !== null) return read;
  } else {
    const at = input instanceof Date ? input.getTime() : input;
    if (typeof at === "number" && !Number.isNaN(new Date(at).getTime())) return { kind: "instant", at: Math.round(at) };
  }
  throw new LovageError("schedule", `${what}: ${show(input)} is not a date and time`, {
    hint: "write ISO 8601, as in 2026-12-24T18:00 or 2026-12-24T18:00+08:00",
  });
}

/** The instant of a written time; in a gap the first instant after it, and the first of two copies. */
export function instantOf(time: WrittenTime, zone: Zone): Instant {
  if (time.kind === "instant") return time.at;
  const resolved = zone.resolve(time.wall);
  return resolved.kind === "overlap" ? resolved.firstAt : resolved.at;
}

/** As the zone's clock shows it: `2026-12-24 18:00:00`, with milliseconds only where there are some. */
export function showWallTime(at: Instant, zone: Zone): string {
  const text = new Date(at + zone.offsetAt(at)).toISOString().replace("T", " ").replace("Z", "");
  return text.endsWith(".000") ? text.slice(0, -4) : text;
}

function readIso(text: string): WrittenTime | null {
  const match = ISO.exec(text);
  if (match === null) return null;
  const [, day, time = "00:00", second = "00", fraction = "", offset] = match;
  const iso = `${day}T${time}:${second}.${fraction.slice(0, 3).padEnd(3, "0")}Z`;
  const wall = Date.parse(iso);
  // Date carries an overflow on, so 31 February would come back as a day of March.
  if (Number.isNaN(wall) || new Date(wall).toISOString() !== iso) return null;
  if (offset === undefined) return { kind: "wall", wall };
  const offsetMs = readOffset(offset);
  return offsetMs === null ? null : { kind: "instant", at: wall - offsetMs };
}

function readOffset(text: string): number | null {
  if (text.toUpperCase() === "Z") return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(3).replace(":", ""));
  if (hours > 23 || minutes > 59) return null;
  const size = hours * HOUR_MS + minutes * MINUTE_MS;
  return text.startsWith("-") ? -size : size;
}

function show(input: unknown): string {
  if (typeof input === "string") return JSON.stringify(input);
  return input instanceof Date ? "an invalid Date" : String(input);
}
