// What happens to a wall-clock time that a clock change skips or repeats.
import { LovageError, didYouMean } from "../error.ts";

/**
 * - `vixie` (default): a job whose minute or hour field begins with `*` follows the wall clock, so it runs in both copies of
 *   a repeated hour and has nothing extra in a gap; any other job runs at the first instant after a gap that swallowed it
 *   (several labels there are one run) and in the first copy of a repeated hour only.
 * - `wall`: plain membership of the wall clock: what a gap swallows is lost, what is repeated runs twice.
 * - `celery`: what Celery 5.6 does.
 * - explicit: `gap` says what becomes of a swallowed label (`next`: the first instant after the gap; `shift`: as much later
 *   as the gap is long; `skip`: lost), `overlap` which copy of a repeated label runs.
 */
export type DstPolicy = "vixie" | "wall" | "celery" | ExplicitDstPolicy;

export interface ExplicitDstPolicy {
  readonly gap: GapPolicy;
  readonly overlap: OverlapPolicy;
}

export type GapPolicy = "next" | "shift" | "skip";
export type OverlapPolicy = "first" | "second" | "both";

/** A policy made concrete for one crontab. `first-shifted`: the first swallowed label shifts, and swallows what it passes. */
export interface DstRule {
  readonly gap: GapPolicy | "first-shifted";
  readonly overlap: OverlapPolicy;
}

const POLICIES = ["vixie", "wall", "celery"] as const;
const GAPS = ["next", "shift", "skip"] as const;
const OVERLAPS = ["first", "second", "both"] as const;

const FOLLOWS_WALL: DstRule = Object.freeze({ gap: "skip", overlap: "both" });
const FIXED_TIME: DstRule = Object.freeze({ gap: "next", overlap: "first" });
/**
 * Celery adds on the wall clock, from the last run: it lands on the first label in a gap, which the offset from before the
 * change puts as much later as the gap is long, and goes on from there. The second copy of an hour shows nothing later.
 */
const CELERY: DstRule = Object.freeze({ gap: "first-shifted", overlap: "first" });

/** What the policy means for a crontab, which under `vixie` depends on whether its minute or hour begins with `*`. */
export function dstRule(policy: DstPolicy, wildcard: boolean): DstRule {
  if (typeof policy === "object") return policy;
  if (policy === "celery") return CELERY;
  return policy === "wall" || wildcard ? FOLLOWS_WALL : FIXED_TIME;
}

/** @throws LovageError (`schedule`) unless the value is a policy's name or `{gap, overlap}`. */
export function assertDst(value: unknown): asserts value is DstPolicy {
  if (typeof value === "string") return assertOneOf("dst", value, POLICIES);
  if (typeof value !== "object" || value === null) {
    throw new LovageError("schedule", `dst: ${JSON.stringify(value)} is not a policy`, { hint: DST_HINT });
  }
  const { gap, overlap, ...rest } = value as Readonly<Record<string, unknown>>;
  const [unknownKey] = Object.keys(rest);
  if (unknownKey !== undefined) {
    throw new LovageError("schedule", `dst: unknown key ${JSON.stringify(unknownKey)}`, { hint: DST_HINT });
  }
  assertOneOf("dst.gap", gap, GAPS);
  assertOneOf("dst.overlap", overlap, OVERLAPS);
}

const DST_HINT = "write vixie, wall, celery, or {gap: next, overlap: first}";

function assertOneOf(key: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value === "string" && allowed.includes(value)) return;
  const near = typeof value === "string" ? didYouMean(value, allowed) : null;
  const message = value === undefined ? `${key} is missing` : `${key}: ${JSON.stringify(value)} is not a policy`;
  const hint = near === null ? `write one of ${allowed.join(", ")}` : `did you mean ${near}?`;
  throw new LovageError("schedule", message, { hint });
}
