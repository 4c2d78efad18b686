// Reads a zone's clock changes out of Intl, once per stretch of years: probe every few days, then bisect to the second.
import type { Instant } from "../clock.ts";

/** A stretch of time during which a zone's clock keeps one offset. Offsets are milliseconds to add to UTC. */
export interface Segment {
  readonly fromAt: Instant;
  readonly untilAt: Instant;
  readonly offsetMs: number;
  /** The offset just before `fromAt`; equal to `offsetMs` where only the table begins anew. */
  readonly beforeMs: number;
  /** The offset from `untilAt` on. */
  readonly afterMs: number;
  /** From here on the change at the start no longer matters: no gap's shifted label and no second copy lies later. */
  readonly calmFromAt: Instant;
  /** Wall times before this one are not touched by the change at the end. */
  readonly calmUntilWall: number;
}

const SECOND_MS = 1000;
/**
 * The shortest-lived offset in the tz database stood for 95 hours (Africa/Freetown, 1939), the next 167 (Boa Vista, 2000;
 * Gaza, 2040): probing weekly would miss them, every three days finds all.
 */
const PROBE_MS = 3 * 86_400_000;
/** The range of JavaScript's Date, kept away from its edges so that offsets and neighbours stay inside. */
const EARLIEST_AT = -8_639_900_000_000_000;
const LATEST_AT = 8_639_900_000_000_000;

// Some versions of ICU write a proper minus sign.
const OFFSET = /GMT(?:([+\u2212-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** The segments of a zone in `[fromAt, untilAt)`, which must be whole seconds; the last ends at `untilAt`. */
export function readSegments(name: string, fromAt: Instant, untilAt: Instant): readonly Segment[] {
  const offsetAt = offsetReader(name);
  const changes = readChanges(offsetAt, fromAt, untilAt);
  let beforeMs = offsetAt(fromAt - SECOND_MS);
  return changes.map((change, index) => {
    const next = changes[index + 1];
    const segment = makeSegment({
      fromAt: change.at,
      untilAt: next?.at ?? untilAt,
      offsetMs: change.offsetMs,
      beforeMs,
      afterMs: next?.offsetMs ?? offsetAt(untilAt),
    });
    beforeMs = change.offsetMs;
    return segment;
  });
}

/** One endless segment for a zone that is UTC by definition, null for any other. */
export function unchangingSegment(name: string): Segment | null {
  if (!/^(?:Etc\/)?(?:UTC|UCT|Zulu|Universal|GMT|Greenwich|GMT[+-]?0)$/i.test(name)) return null;
  return makeSegment({ fromAt: -Infinity, untilAt: Infinity, offsetMs: 0, beforeMs: 0, afterMs: 0 });
}

/** Holds no instant: where a search starts before anything was read. */
export const noSegment: Segment = makeSegment({
  fromAt: Infinity,
  untilAt: -Infinity,
  offsetMs: 0,
  beforeMs: 0,
  afterMs: 0,
});

type Span = Omit<Segment, "calmFromAt" | "calmUntilWall">;

function makeSegment(span: Span): Segment {
  return Object.freeze({
    ...span,
    calmFromAt: span.fromAt + Math.abs(span.offsetMs - span.beforeMs),
    calmUntilWall: span.untilAt + Math.min(span.offsetMs, span.afterMs),
  });
}

type OffsetReader = (instant: Instant) => number;

interface Change {
  readonly at: Instant;
  readonly offsetMs: number;
}

function readChanges(offsetAt: OffsetReader, fromAt: Instant, untilAt: Instant): readonly Change[] {
  const changes: Change[] = [{ at: fromAt, offsetMs: offsetAt(fromAt) }];
  for (let probeAt = fromAt; probeAt < untilAt; probeAt += PROBE_MS) {
    const last = changes.at(-1)?.offsetMs ?? 0;
    // The last probe stays inside: a change exactly at `untilAt` belongs to the next stretch.
    const toAt = Math.min(probeAt + PROBE_MS, untilAt - SECOND_MS);
    const offsetMs = offsetAt(toAt);
    if (offsetMs !== last) changes.push({ at: bisect(offsetAt, probeAt, toAt), offsetMs });
  }
  return changes;
}

/** The first whole second after `fromAt` that no longer has its offset. */
function bisect(offsetAt: OffsetReader, fromAt: Instant, toAt: Instant): Instant {
  const old = offsetAt(fromAt);
  let before = fromAt / SECOND_MS;
  let after = toAt / SECOND_MS;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle * SECOND_MS) === old) before = middle;
    else after = middle;
  }
  return after * SECOND_MS;
}

function offsetReader(name: string): OffsetReader {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
  return (instant) => readOffset(format.format(Math.min(Math.max(instant, EARLIEST_AT), LATEST_AT)));
}

/** From `12/7/1874, GMT-04:56:02`: before standard time, offsets had seconds. */
function readOffset(text: string): number {
  const match = OFFSET.exec(text);
  if (match === null) throw new RangeError(`Intl gave no offset: ${text}`);
  const [, sign, hours, minutes, seconds] = match;
  const size = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0);
  return (sign === "+" || size === 0 ? size : -size) * SECOND_MS;
}
