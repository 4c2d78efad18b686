// What happens to a wall-clock time that a clock change skips or repeats.

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
