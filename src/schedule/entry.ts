// One line of the plan: what to send, when, and what to do when it could not be sent in time. Frozen, and the same
// whether it came from a YAML file or from code.
import type { Schedule } from "./schedule.ts";

/** What to make up when beat was not there: the newest missed occurrence, the oldest, every one, or none. */
export type MissedPolicy = "latest" | "earliest" | "all" | "skip";

/** What to do with an occurrence while the entry's previous run has not ended (`skip`), or not even begun (`skip_queued`). */
export type OverlapPolicy = "allow" | "skip" | "skip_queued";

/** Whom to tell that an occurrence was sent, or could not be: URLs that are fetched. */
export interface EntryPing {
  readonly success: string | null;
  readonly failure: string | null;
}

/** The options of Celery's `apply_async` that make sense for a periodic task, in camel case. Spans are seconds. */
export interface EntryOptions {
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly priority?: number;
  /** Seconds after sending, an ISO 8601 instant, or `next`: when the following occurrence is due. */
  readonly expires?: number | string;
  readonly countdown?: number;
  readonly eta?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly serializer?: string;
  readonly compression?: string;
  readonly timeLimit?: number;
  readonly softTimeLimit?: number;
  readonly ignoreResult?: boolean;
  readonly shadow?: string;
  readonly deliveryMode?: number;
  readonly retries?: number;
  readonly replyTo?: string;
  readonly argsrepr?: string;
  readonly kwargsrepr?: string;
  /** Signatures to call after success and after failure. */
  readonly link?: readonly unknown[];
  readonly linkError?: readonly unknown[];
}

export interface Entry {
  readonly name: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: EntryOptions;
  /** Bound to its zone and name, and bounded by start, end and exclusions: what `next` says is what happens. */
  readonly schedule: Schedule;
  /** IANA name: of the entry, else of its file, else of the app. */
  readonly timezone: string;
  readonly enabled: boolean;
  /** Each occurrence is sent this much later at most; the share is a hash of name and due time. */
  readonly jitterMs: number;
  readonly missed: MissedPolicy;
  /** Missed occurrences older than this are not made up; null: any age. */
  readonly missedWithinMs: number | null;
  readonly overlap: OverlapPolicy;
  /** A run that has shown no end for so long counts as gone, for `overlap`; null: as long as the source keeps results. */
  readonly overlapLimitMs: number | null;
  readonly ping: EntryPing | null;
  /** After so many runs the entry is finished; null: never. */
  readonly maxRuns: number | null;
  /** Free text from the schedule file, for people. */
  readonly description: string | null;
  /** Changes exactly when the occurrences move: zone, schedule, limits, enabled. Arguments do not count. */
  readonly scheduleHash: string;
  /** Where it was written: `schedules/lights.yaml:12:3`, or `app.conf.beatSchedule`. */
  readonly source: string;
}
