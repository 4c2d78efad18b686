// Marks what a clock change does to a single occurrence, for `beat next`.
import type { Instant } from "../clock.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { type Transition, zone } from "../schedule/zone.ts";

const dayMs = 86_400_000;

/** A note for the occurrence, or null where no clock change touches it. Elapsed time and the sun know no clock changes. */
export function dstNote(schedule: Schedule, at: Instant, timezone: string): string | null {
  const { kind } = schedule.toJSON();
  if (kind === "interval" || kind === "solar") return null;
  const place = zone(timezone);
  const shown = place.resolve(at + place.offsetAt(at));
  if (shown.kind === "overlap") return `${shown.firstAt === at ? "first" : "second"} copy of a repeated hour`;
  const change = place.nextTransition(at - dayMs, dayMs);
  if (change === null || !isAfterGap(at, change)) return null;
  return "the clock has just gone forward";
}

/** In the stretch just behind a gap, as long as the gap: what fell into it lands here. */
function isAfterGap(at: Instant, change: Transition): boolean {
  return at >= change.at && at < change.at + (change.afterMs - change.beforeMs);
}
