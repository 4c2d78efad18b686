// Jobs that wait for their turn in a pool, the oldest first.
import type { Job, Outcome } from "../job.ts";
import type { JobHooks } from "./pool.ts";

export interface WaitingJob {
  readonly job: Job;
  readonly hooks: JobHooks;
  readonly settle: (outcome: Outcome) => void;
  /** How many children were given the job and died before they began it. */
  attempts: number;
}

/** A queue that stays quick when it is long: what has been taken is cut off only now and then. */
export class WaitingJobs {
  #jobs: (WaitingJob | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#jobs.length - this.#taken;
  }

  push(waiting: WaitingJob): void {
    this.#jobs.push(waiting);
  }

  /** Back to the front: it was taken, and comes to nothing. */
  putBack(waiting: WaitingJob): void {
    this.#jobs.splice(0, this.#taken, waiting);
    this.#taken = 0;
  }

  take(): WaitingJob | undefined {
    const next = this.#jobs[this.#taken];
    if (next === undefined) return undefined;
    this.#jobs[this.#taken] = undefined;
    this.#taken += 1;
    if (this.#taken >= 1000 && this.#taken * 2 >= this.#jobs.length) this.#cut();
    return next;
  }

  takeAll(): readonly WaitingJob[] {
    const all = this.#jobs.slice(this.#taken).filter((waiting) => waiting !== undefined);
    this.#jobs = [];
    this.#taken = 0;
    return all;
  }

  #cut(): void {
    this.#jobs = this.#jobs.slice(this.#taken);
    this.#taken = 0;
  }
}
