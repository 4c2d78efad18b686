// Time zones as tables of clock changes, so that asking for an offset costs nanoseconds where Intl costs microseconds.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { canonicalZoneName, nearestZoneName } from "./zone-name.ts";
import { noSegment, readSegments, unchangingSegment } from "./zone-table.ts";
import type { Segment } from "./zone-table.ts";

/**
 * What a wall clock shows, as the epoch milliseconds at which a clock in UTC would show the same. It has no zone of its
 * own, so it is compared and added to like a number, but is an instant only once a zone has resolved it.
 */
export type WallTime = number;

/** Which instants show a wall time: one, none (a clock change jumped over it), or two (it was set back across it). */
export type Resolution =
  | { readonly kind: "unique"; readonly at: Instant }
  /** `at` is the change, so the first instant after the gap; `shiftedAt` is as much later as the gap is long. */
  | { readonly kind: "gap"; readonly at: Instant; readonly shiftedAt: Instant }
  | { readonly kind: "overlap"; readonly firstAt: Instant; readonly secondAt: Instant };

/** A clock change: from `at` on the offset is `afterMs`. Offsets are milliseconds to add to UTC. */
export interface Transition {
  readonly at: Instant;
  readonly beforeMs: number;
  readonly afterMs: number;
}

export interface Zone {
  /** The IANA name, in its usual spelling. */
  readonly name: string;
  /** Milliseconds to add to UTC to get the wall clock. */
  offsetAt(instant: Instant): number;
  /** The stretch of unchanged offset that holds the instant. */
  segmentAt(instant: Instant): Segment;
  resolve(wall: WallTime): Resolution;
  /** The first clock change strictly after `after`, or null when there is none within `withinMs` (default four years). */
  nextTransition(after: Instant, withinMs?: number): Transition | null;
}

const DAY_MS = 86_400_000;
/** Any rule in force changes the clock within it; a zone without a rule should not be read to the end of time. */
const FOUR_YEARS_MS = 1461 * DAY_MS;
/** A table is read this much at a time: 208 weeks, about four years. */
const CHUNK_MS = 208 * 7 * DAY_MS;

const zones = new Map<string, Zone>();

/**
 * The zone of that IANA name, from a cache: the same name gives the same object.
 *
 * @throws LovageError (`schedule`) for an unknown name, with the nearest known one as a hint.
 */
export function zone(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const canonical = canonicalZoneName(name);
  if (canonical === null) throw unknownZone(name);
  const made = zones.get(canonical) ?? makeZone(canonical);
  zones.set(name, made);
  zones.set(canonical, made);
  return made;
}

/** Whether the name is an IANA time zone this Node.js knows. Aliases (`US/Eastern`, `Asia/Kolkata`) count, offsets do not. */
export function isZone(name: string): boolean {
  return zones.has(name) || canonicalZoneName(name) !== null;
}

/** @throws LovageError (`schedule`) for an unknown name, with the nearest known one as a hint. */
export function assertZone(name: string): void {
  if (!isZone(name)) throw unknownZone(name);
}

function unknownZone(name: unknown): LovageError {
  const near = typeof name === "string" ? nearestZoneName(name) : null;
  const hint = near === null ? "write an IANA name such as Asia/Taipei or UTC" : `did you mean ${near}?`;
  return new LovageError("schedule", `unknown time zone ${JSON.stringify(name)}`, { hint });
}

function makeZone(name: string): Zone {
  return new TableZone(name, unchangingSegment(name) ?? noSegment);
}

class TableZone implements Zone {
  readonly name: string;
  readonly #chunks = new Map<number, readonly Segment[]>();
  #recent: Segment;

  constructor(name: string, recent: Segment) {
    this.name = name;
    this.#recent = recent;
    Object.freeze(this);
  }

  offsetAt(instant: Instant): number {
    return this.segmentAt(instant).offsetMs;
  }

  segmentAt(instant: Instant): Segment {
    const recent = this.#recent;
    if (instant >= recent.fromAt && instant < recent.untilAt) return recent;
    const found = this.#find(instant);
    this.#recent = found;
    return found;
  }

  resolve(wall: WallTime): Resolution {
    const recent = this.#recent;
    const at = wall - recent.offsetMs;
    if (at >= recent.calmFromAt && wall < recent.calmUntilWall) return { kind: "unique", at };
    return this.#resolveNearChange(wall);
  }

  nextTransition(after: Instant, withinMs: number = FOUR_YEARS_MS): Transition | null {
    let segment = this.segmentAt(after);
    while (segment.untilAt <= after + withinMs) {
      if (segment.afterMs !== segment.offsetMs) {
        return { at: segment.untilAt, beforeMs: segment.offsetMs, afterMs: segment.afterMs };
      }
      segment = this.segmentAt(segment.untilAt);
    }
    return null;
  }

  #resolveNearChange(wall: WallTime): Resolution {
    // No offset reaches a whole day, so every segment that could show this wall time touches these two days.
    let segment = this.segmentAt(wall - DAY_MS);
    let firstAt: Instant | null = null;
    for (;;) {
      const at = wall - segment.offsetMs;
      if (at >= segment.fromAt && at < segment.untilAt) {
        if (firstAt !== null) return { kind: "overlap", firstAt, secondAt: at };
        firstAt = at;
      }
      const endWall = segment.untilAt + segment.offsetMs;
      if (firstAt === null && wall >= endWall && wall < segment.untilAt + segment.afterMs) {
        return { kind: "gap", at: segment.untilAt, shiftedAt: at };
      }
      if (segment.untilAt > wall + DAY_MS) return { kind: "unique", at: firstAt ?? at };
      segment = this.segmentAt(segment.untilAt);
    }
  }

  #find(instant: Instant): Segment {
    const index = Math.floor(instant / CHUNK_MS);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = readSegments(this.name, index * CHUNK_MS, (index + 1) * CHUNK_MS);
      this.#chunks.set(index, chunk);
    }
    for (const segment of chunk) {
      if (instant < segment.untilAt) return segment;
    }
    throw new RangeError(`no such instant: ${instant}`);
  }
}
