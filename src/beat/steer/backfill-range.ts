// The occurrences of a span of the past, counted and shown before they are sent.
import type { Instant } from "../../clock.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { latestUpTo } from "../recover.ts";
import type { BackfillPreview, BackfillRange } from "./steering.ts";

/** Beyond this many it is not counted further: it is for people, and beat has other things to do meanwhile. */
const countLimit = 100_000;
const shown = 3;

/** Between two looks at the time. */
const lookEvery = 64;

/**
 * @param schedule with its grid fixed
 * @param isOver whether the counting has taken long enough
 */
export function previewRange(
  schedule: Schedule,
  range: BackfillRange,
  isOver: () => boolean = () => false,
): BackfillPreview {
  const { fromAt, toAt } = range;
  const first: Instant[] = [];
  let last: Instant[] = [];
  let count = 0;
  let at = schedule.next(fromAt - 1);
  for (; at !== null && at <= toAt && count < countLimit; at = schedule.next(at)) {
    count += 1;
    if (count % lookEvery === 0 && isOver()) break;
    if (first.length < shown) first.push(at);
    last = [...last.slice(1 - shown), at];
  }
  const atLeast = at !== null && at <= toAt;
  if (atLeast) last = [latestUpTo(schedule, at as Instant, toAt)];
  return { ...range, count, atLeast, first, last };
}

/** Up to `count` occurrences after `after`, none beyond `toAt`. */
export function takeFrom(schedule: Schedule, span: { after: Instant; toAt: Instant; count: number }): Instant[] {
  const taken: Instant[] = [];
  let at = schedule.next(span.after);
  while (taken.length < span.count && at !== null && at <= span.toAt) {
    taken.push(at);
    at = schedule.next(at);
  }
  return taken;
}

/** How many there are after `after` up to `toAt`, which is included. */
export function countBetween(schedule: Schedule, after: Instant, toAt: Instant): number {
  return previewRange(schedule, { entry: "", fromAt: after + 1, toAt }).count;
}
