// What the monitor asks of a beat, and no more: whoever runs one hands it in. Standbys answer `status` alone.
import type { Instant } from "../clock.ts";

export interface Subject {
  status(): SubjectStatus;
  /** Throws where this beat does not lead, as `show` does. */
  list(query: { readonly offset: number; readonly limit: number }): SubjectPage;
  show(entry: string): SubjectEntry;
}

export interface SubjectStatus {
  readonly scope: string;
  readonly leads: boolean;
  /** Who leads, as far as it knows; null before it knows anything. */
  readonly leader: string | null;
  /** When it last looked at the clock. */
  readonly lookedAt: Instant;
  /** How much later than due the oldest occurrence is that has not been sent. */
  readonly lateMs: number;
  readonly unsent: number;
  readonly entries: number;
  readonly paused: number;
  readonly version: string;
}

export interface SubjectPage {
  readonly total: number;
  readonly rows: readonly SubjectEntry[];
}

export interface SubjectEntry {
  readonly entry: string;
  readonly nextAt: Instant | null;
  readonly lastDueAt: Instant | null;
  readonly quarantined: string | null;
}
