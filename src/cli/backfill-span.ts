// The span of a backfill as it is written: times on the entry's clock, both ends included.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { type Zone, zone } from "../schedule/zone.ts";
import { instantOf, readTime } from "../schedule/zone-time.ts";

export interface WrittenSpan {
  readonly from?: string;
  readonly to?: string;
}

const dayMs = 86_400_000;

/** @throws LovageError for an end that is missing or cannot be read, one before the beginning, and a beginning after `now` */
export function readSpan(
  { from, to }: WrittenSpan,
  timezone: string,
  now: Instant,
): { readonly fromAt: Instant; readonly toAt: Instant } {
  if (from === undefined || to === undefined) {
    const hint = "as in --from 2026-11-01 --to 2026-11-03, or --to 2026-11-03T12:00";
    throw new LovageError("usage", "a backfill takes --from and --to", { hint });
  }
  const place = zone(timezone);
  const span = { fromAt: instantOf(readTime(from, "--from"), place), toAt: readEnd(to, place) };
  if (span.fromAt > span.toAt) throw new LovageError("usage", `--to ${to} is before --from ${from}`);
  if (span.fromAt <= now) return span;
  const hint = "a backfill is of the past; what is yet to come runs in its time";
  throw new LovageError("usage", `--from ${from} is in the future`, { hint });
}

/** A date alone means all of that day. */
function readEnd(text: string, place: Zone): Instant {
  const time = readTime(text, "--to");
  const isDay = time.kind === "wall" && !/[:T]/i.test(text);
  return isDay ? instantOf({ kind: "wall", wall: time.wall + dayMs }, place) - 1 : instantOf(time, place);
}
