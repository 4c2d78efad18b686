// How the log writes instants, spans and counts.
import type { Instant } from "./clock.ts";

/** ISO 8601 in UTC, with milliseconds only where there are any. */
export function instant(at: Instant): string {
  return Math.abs(at) > 8.64e15 ? String(at) : new Date(at).toISOString().replace(".000Z", "Z");
}

export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 360_000) / 10} h`;
}

export function count(number: number, singular: string): string {
  const plural = singular.endsWith("y") ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Who did something and why, as the end of a sentence: `by alice@desk: the printer burns`. */
export function byWhom({ by, reason }: { readonly by: string; readonly reason: string | null }): string {
  return reason === null ? `by ${by}` : `by ${by}: ${reason}`;
}
