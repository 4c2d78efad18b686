// A running beat as the command line and remote control see it: what it can be asked, what it can be told, and by whom it was.
// All that goes in and out is plain JSON data, for it travels over a socket or the broker.
import type { Instant } from "../../clock.ts";
import type { Pause, Run } from "../../store/store.ts";

/**
 * Every method that changes something, and every one that tells of entries, throws LovageError:
 * - `standby` when this beat does not lead: only the leader knows, and may change, the state of the schedule
 * - `usage` when there is no such entry or backfill, or a value makes no sense
 */
export interface BeatSteering {
  readonly scope: string;
  /** For people: `host:pid`. */
  readonly label: string;
  /** Answered by standbys too. */
  status(): BeatStatus;
  list(query: ListQuery): EntryPage;
  show(entry: string): EntryReport;
  history(entry: string, limit: number): Promise<readonly Run[]>;
  /** The next occurrences over all entries, in due order; paused ones are left out. At most `limit`. */
  upcoming(limit: number): readonly Upcoming[];
  /** All of the entries or, when one is not known, none. An entry paused already takes over who and why. */
  pause(request: PauseRequest): Promise<readonly PauseReport[]>;
  resume(request: ResumeRequest): Promise<readonly ResumeReport[]>;
  /** Sends the entry's task now; the schedule does not move. */
  run(request: RunRequest): Promise<RunReport>;
  previewBackfill(range: BackfillRange): BackfillPreview;
  startBackfill(request: BackfillRequest): Promise<BackfillReport>;
  /** Newest first: those that run or were stopped, and those done in this beat's time. */
  backfills(): readonly BackfillReport[];
  stopBackfill(id: string, by: string): Promise<BackfillReport>;
  /** Goes on where it stopped. */
  resumeBackfill(id: string, by: string): Promise<BackfillReport>;
}

export interface BeatStatus {
  readonly scope: string;
  readonly label: string;
  readonly leads: boolean;
  /** Who leads, as far as this beat knows: itself, or whom it stands by for; null before anything is known. */
  readonly leader: string | null;
  readonly term: number | null;
  readonly startedAt: Instant;
  /** When it last looked at the clock. */
  readonly lookedAt: Instant;
  /** How much later than due the oldest occurrence is that has not been sent yet; 0 when nothing is overdue. */
  readonly lateMs: number;
  readonly unsent: number;
  readonly entries: number;
  readonly paused: number;
  readonly record: string;
  readonly broker: string;
  readonly version: string;
}

export interface ListQuery {
  /** Only names that contain this; any when left out. */
  readonly match?: string | undefined;
  readonly offset: number;
  /** At most 1000. */
  readonly limit: number;
}

export interface EntryPage {
  readonly total: number;
  readonly rows: readonly EntryReport[];
}

export interface EntryReport {
  readonly entry: string;
  readonly task: string;
  /** In words: `every 10 s`. */
  readonly schedule: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly description: string | null;
  readonly source: string;
  readonly paused: Pause | null;
  /** The next nominal time if nothing changes; null when it is finished, paused, not enabled or set aside. */
  readonly nextAt: Instant | null;
  /** Set aside because its schedule failed: why. */
  readonly quarantined: string | null;
  readonly lastDueAt: Instant | null;
  readonly lastSentAt: Instant | null;
  readonly lastTaskId: string | null;
  readonly runs: number;
  readonly missed: number;
  readonly skipped: number;
  readonly failed: number;
}

export interface Upcoming {
  readonly entry: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly dueAt: Instant;
  readonly taskId: string;
}

export interface PauseRequest {
  readonly entries: readonly string[];
  /** Who does it: `alice@host`. */
  readonly by: string;
  readonly reason: string | null;
}

export interface ResumeRequest {
  readonly entries: readonly string[];
  readonly by: string;
  /** True: what fell into the pause counts as missed, and goes by the entry's policy. False: it is skipped. */
  readonly catchUp: boolean;
}

export interface PauseReport extends EntryReport {
  /** False: the broker could not be told yet. A beat that takes over before it is back does not know of it. */
  readonly isTold: boolean;
}

export interface ResumeReport extends PauseReport {
  /** Occurrences of the pause that were given up, at least. */
  readonly given: number;
  readonly wasPaused: boolean;
}

export interface RunRequest {
  readonly entry: string;
  readonly by: string;
  readonly reason: string | null;
}

export interface RunReport {
  readonly entry: string;
  readonly task: string;
  readonly taskId: string;
  /** False: the broker is away; it goes out when the broker is back, if this beat lives to see it. */
  readonly isSent: boolean;
  /** Null while it is not sent. */
  readonly queue: string | null;
}

export interface BackfillRange {
  readonly entry: string;
  /** The first and the last instant that count, both included. What is after now is left out. */
  readonly fromAt: Instant;
  readonly toAt: Instant;
}

export interface BackfillPreview extends BackfillRange {
  readonly count: number;
  /** The counting stopped: there are at least so many. */
  readonly atLeast: boolean;
  /** The first few and the last few nominal times. */
  readonly first: readonly Instant[];
  readonly last: readonly Instant[];
}

export interface BackfillRequest extends BackfillRange {
  readonly perSecond: number;
  readonly by: string;
  readonly reason: string | null;
}

export type BackfillStatus = "running" | "stopped" | "done";

export interface BackfillReport extends BackfillRange {
  readonly id: string;
  readonly perSecond: number;
  readonly by: string;
  readonly reason: string | null;
  readonly at: Instant;
  readonly status: BackfillStatus;
  /** Why it stopped, where somebody or something stopped it. */
  readonly note: string | null;
  readonly sent: number;
  /** Left out because no message could be made, or the broker would not take it; `note` has the last reason. */
  readonly failed: number;
  /** Null where it was too much to count. */
  readonly total: number | null;
  /** The newest nominal time that is on its queue. */
  readonly sentUpTo: Instant | null;
}

/** The same from outside the beat's process: every answer takes its time, and none may come. */
export type RemoteSteering = {
  readonly [Method in keyof BeatSteering as BeatSteering[Method] extends (...parameters: never[]) => unknown
    ? Method
    : never]: BeatSteering[Method] extends (...parameters: infer Parameters) => infer Answer
    ? (...parameters: Parameters) => Promise<Awaited<Answer>>
    : never;
};
