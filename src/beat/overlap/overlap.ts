// Whether an occurrence may go while the entry's previous run may still be under way (`overlap`).
import type { Instant } from "../../clock.ts";
import type { Occurrence } from "../occurrence.ts";

/** An occurrence that is due, and the run of its entry that was sent last, be it by hand; null when none ever was. */
export interface Candidate {
  readonly occurrence: Occurrence;
  readonly previous: PreviousRun | null;
}

export interface PreviousRun {
  readonly taskId: string;
  readonly sentAt: Instant;
}

export interface Held {
  readonly occurrence: Occurrence;
  /** For people: `overlap: skip, the run of 10:00 (id=...) has not ended`. */
  readonly reason: string;
}

export interface Admission {
  readonly go: readonly Occurrence[];
  readonly held: readonly Held[];
}

/** Asks whoever knows what became of runs. */
export interface OverlapGate {
  /**
   * Only candidates whose entry has an overlap policy are given. In the order given; several of one entry count each other
   * as previous runs. Never rejects, and answers within a few seconds whatever the source does.
   */
  admit(candidates: readonly Candidate[]): Promise<Admission>;
  close(): Promise<void>;
}
