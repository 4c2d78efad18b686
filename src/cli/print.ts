// Tables and times for people on a terminal.
import { DateTime } from "luxon";
import type { Instant } from "../clock.ts";
import { oneLine } from "../log-text.ts";

/** Left-aligned columns, two spaces apart; the last column is not padded. */
export function table(texts: readonly (readonly string[])[]): string {
  const rows = texts.map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** `Mon 2026-11-23 07:30:00 +08:00`; milliseconds only where there are any. */
export function localTime(at: Instant, timezone: string): string {
  const time = DateTime.fromMillis(at, { zone: timezone, locale: "en" });
  return time.toFormat(at % 1000 === 0 ? "ccc yyyy-MM-dd HH:mm:ss ZZ" : "ccc yyyy-MM-dd HH:mm:ss.SSS ZZ");
}

/** `2026-11-22T23:30:00Z` */
export function utcTime(at: Instant): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** With milliseconds always, for programs; null stays null. */
export function isoTime(at: Instant | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** `in 3 minutes`, `2 days ago` */
export function relativeTime(at: Instant, now: Instant): string {
  const seconds = Math.round(Math.abs(at - now) / 1000);
  const [count, unit] = largestUnit(seconds);
  const span = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return at >= now ? `in ${span}` : `${span} ago`;
}

function largestUnit(seconds: number): readonly [number, string] {
  if (seconds < 120) return [seconds, "second"];
  if (seconds < 7200) return [Math.round(seconds / 60), "minute"];
  if (seconds < 172_800) return [Math.round(seconds / 3600), "hour"];
  return [Math.round(seconds / 86_400), "day"];
}
