// ISO 8601 as Python's datetime.isoformat writes it: six digits of fraction or none, an offset or none, never "Z".
import { LovageError } from "../error.ts";
import type { Instant } from "../clock.ts";

const MS_PER_MINUTE = 60_000;
const MS_PER_QUARTER_HOUR = 15 * MS_PER_MINUTE;
const SHAPE =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[-+]\d\d(?::?\d\d(?::\d\d)?)?)?$/;

/**
 * `2026-11-21T10:40:33.000331+01:00`: an instant with the offset its zone has then. A fraction of a millisecond counts
 * as microseconds.
 *
 * @param timezone IANA name; UTC when left out
 */
export function isoFormat(at: Instant, timezone = "UTC"): string {
  const offsetMs = timezone === "UTC" ? 0 : offsetAt(timezone, at);
  return wallText(at + offsetMs) + offsetText(offsetMs);
}

function wallText(wallMs: number): string {
  const wholeMs = Math.floor(wallMs);
  const micros = Math.round((wallMs - wholeMs) * 1000);
  if (micros === 1000) return wallText(wholeMs + 1);
  const text = new Date(wholeMs).toISOString();
  const fraction = text.slice(-4, -1) + String(micros).padStart(3, "0");
  return fraction === "000000" ? text.slice(0, -5) : `${text.slice(0, -5)}.${fraction}`;
}

function offsetText(offsetMs: number): string {
  if (offsetMs === 0) return "+00:00";
  const size = Math.abs(offsetMs);
  const text = new Date(size).toISOString().slice(11, size % MS_PER_MINUTE === 0 ? 16 : 19);
  return `${offsetMs < 0 ? "-" : "+"}${text}`;
}

export interface IsoTime {
  /** The text as Python would write it; without an offset when it was given none. */
  readonly text: string;
  /** The instant, to the microsecond; a text without an offset counts as UTC here. */
  readonly utcAt: Instant;
  /** False for a bare wall-clock time. */
  readonly zoned: boolean;
}

/** Null when the text is not an ISO 8601 date or time, or names a day or an hour that does not exist. */
export function parseIso(text: string): IsoTime | null {
  const parts = SHAPE.exec(text);
  if (parts === null) return null;
  const [, day = "", minute = "00:00", second = "00", fraction = "", zone] = parts;
  const wall = `${day}T${minute}:${second}`;
  const wallMs = Date.parse(`${wall}Z`);
  // Date.parse takes 31 February for 3 March.
  if (Number.isNaN(wallMs) || new Date(wallMs).toISOString().slice(0, 19) !== wall) return null;
  const micros = fraction.slice(0, 6).padEnd(6, "0");
  const offset = zone === undefined ? "" : normalOffset(zone);
  return {
    text: wall + (micros === "000000" ? "" : `.${micros}`) + offset,
    // Whole milliseconds apart, or a late year would lose one to rounding.
    utcAt: wallMs - offsetMsOf(offset) + Number(micros.slice(0, 3)) + Number(micros.slice(3)) / 1000,
    zoned: zone !== undefined,
  };
}

/** `Z` to `+00:00`, `+05` and `+0530` to `+05:00` and `+05:30`. */
function normalOffset(zone: string): string {
  if (zone === "Z" || zone === "z") return "+00:00";
  const text = zone.length === 3 ? `${zone}:00` : zone;
  return text.includes(":") ? text : `${text.slice(0, 3)}:${text.slice(3)}`;
}

function offsetMsOf(offset: string): number {
  if (offset === "") return 0;
  const [hours = 0, minutes = 0, seconds = 0] = offset.slice(1).split(":").map(Number);
  const size = (hours * 3600 + minutes * 60 + seconds) * 1000;
  return offset.startsWith("-") ? -size : size;
}

/** The instant of a time that may lack an offset: then it is wall-clock time in the zone, the first of two. */
export function instantOf(time: IsoTime, timezone: string): Instant {
  if (time.zoned || timezone === "UTC") return time.utcAt;
  const before = time.utcAt - offsetAt(timezone, time.utcAt - 24 * 3_600_000);
  const after = time.utcAt - offsetAt(timezone, time.utcAt + 24 * 3_600_000);
  // In a gap neither fits; Python (fold=0) then takes the offset from before it.
  const fits = [before, after].filter((at) => at + offsetAt(timezone, at) === time.utcAt);
  return fits.length === 0 ? before : Math.min(...fits);
}

interface ZoneOffsets {
  readonly format: Intl.DateTimeFormat;
  quarterHour: number;
  offsetMs: number;
}

const zones = new Map<string, ZoneOffsets>();

/** Milliseconds to add to UTC. Zones only change on a quarter of an hour, so one look is good for all of it. */
function offsetAt(timezone: string, at: Instant): number {
  const zone = zones.get(timezone) ?? openZone(timezone);
  const quarterHour = Math.floor(at / MS_PER_QUARTER_HOUR);
  if (zone.quarterHour !== quarterHour) {
    zone.quarterHour = quarterHour;
    zone.offsetMs = lookUpOffset(zone.format, at);
  }
  return zone.offsetMs;
}

function openZone(timezone: string): ZoneOffsets {
  try {
    const format = new Intl.DateTimeFormat("en-US", { timeZone: timezone, timeZoneName: "longOffset" });
    const zone = { format, quarterHour: Number.NaN, offsetMs: 0 };
    zones.set(timezone, zone);
    return zone;
  } catch (error) {
    const hint = "write an IANA name such as Asia/Taipei";
    throw new LovageError("config", `unknown time zone ${JSON.stringify(timezone)}`, { hint, cause: error });
  }
}

function lookUpOffset(format: Intl.DateTimeFormat, at: Instant): number {
  const name = format.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "GMT";
  return offsetMsOf(name.slice("GMT".length));
}
