// What is known of the last run of each entry that has an overlap policy; nothing of any other, so that it stays small.
import type { Instant } from "../../clock.ts";

/** In the order of a run's life; what was found once is not taken back. */
export type Progress = "unknown" | "begun" | "ended";

export interface KnownRun {
  readonly entry: string;
  readonly taskId: string;
  /** Not after now: a clock that was ahead when it was written would let no limit pass. */
  sentAt: Instant;
  progress: Progress;
  /** Whether it is on its queue for sure: what was let go a moment ago may still wait for the broker. */
  isSent: boolean;
  /** When it was sent, somebody spoke of it, or the workers were asked about it, last; null: never. */
  checkedAt: Instant | null;
  /** The worker that spoke of it. */
  worker: string | null;
}

/** Beyond so many entries the oldest run is forgotten: of it a question would be asked again. */
const mostRuns = 200_000;
const order: readonly Progress[] = ["unknown", "begun", "ended"];

export class KnownRuns {
  readonly #byEntry = new Map<string, KnownRun>();
  readonly #byId = new Map<string, KnownRun>();

  /** The run as it is known; it takes the place of another one of its entry. */
  know(entry: string, { taskId, sentAt }: Pick<KnownRun, "taskId" | "sentAt">): KnownRun {
    const known = this.#byId.get(taskId);
    if (known !== undefined) return known;
    return this.#keep({ entry, taskId, sentAt, progress: "unknown", isSent: true, checkedAt: null, worker: null });
  }

  /** A run that is about to be sent. */
  expect(entry: string, taskId: string, now: Instant): KnownRun {
    const run = { entry, taskId, sentAt: now, progress: "unknown", checkedAt: now, worker: null } as const;
    return this.#keep({ ...run, isSent: false });
  }

  /** A run was sent, be it one by hand that nobody announced; of other entries nothing is kept. */
  noteSent(entry: string, taskId: string, now: Instant): void {
    const last = this.#byEntry.get(entry);
    if (last === undefined) return;
    const run = last.taskId === taskId ? last : this.expect(entry, taskId, now);
    run.isSent = true;
    run.checkedAt = now;
  }

  find(taskId: string): KnownRun | undefined {
    return this.#byId.get(taskId);
  }

  /** Those that have not ended, as far as is known. */
  open(): readonly KnownRun[] {
    return [...this.#byEntry.values()].filter(({ progress }) => progress !== "ended");
  }

  #keep(run: KnownRun): KnownRun {
    this.#drop(run.entry);
    this.#byEntry.set(run.entry, run);
    this.#byId.set(run.taskId, run);
    const [oldest] = this.#byEntry.keys();
    if (this.#byEntry.size > mostRuns && oldest !== undefined) this.#drop(oldest);
    return run;
  }

  #drop(entry: string): void {
    const run = this.#byEntry.get(entry);
    if (run === undefined) return;
    this.#byEntry.delete(entry);
    this.#byId.delete(run.taskId);
  }
}

export function noteProgress(run: KnownRun, progress: Progress): void {
  if (order.indexOf(progress) > order.indexOf(run.progress)) run.progress = progress;
}
