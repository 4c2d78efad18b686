// The job that a child process has in hand, as the worker knows it: whether it has begun, for how long, and its end.
import type { Clock, Instant } from "../../clock.ts";
import type { Job, Outcome } from "../job.ts";
import type { Deadlines } from "./deadlines.ts";
import { type Ran, terminated, timeLimitFailure, workerLostFailure } from "./ended.ts";
import type { JobHooks } from "./pool.ts";

/** The child died before it began the job: another one may have it. */
export const NOT_BEGUN = Symbol("not begun");

export interface ChildJobOptions {
  readonly pid: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Called when the hard time limit has passed: the child must die. */
  readonly onLimit: () => void;
}

export class ChildJob {
  readonly job: Job;
  /** Never rejects. */
  readonly ended: Promise<Outcome | typeof NOT_BEGUN>;
  readonly #hooks: JobHooks;
  readonly #options: ChildJobOptions;
  #settle: (result: Outcome | typeof NOT_BEGUN) => void = () => {};
  #endLimit: () => void = () => {};
  #hasBegun = false;
  #startedAt: Instant;
  #startedTick: number;
  /** What its end will mean when the process dies without a word of its own. */
  #verdict: ((ran: Ran) => Outcome) | null = null;

  constructor(job: Job, hooks: JobHooks, options: ChildJobOptions) {
    this.job = job;
    this.#hooks = hooks;
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#startedTick = options.clock.monotonic();
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  begin(at: Instant): void {
    this.#hasBegun = true;
    this.#startedAt = at;
    this.#startedTick = this.#options.clock.monotonic();
    if (this.job.timeLimitMs !== null) this.#watchLimit(this.job.timeLimitMs);
    this.#hooks.onStart(this.#options.pid, at);
  }

  report(state: string, metaText: string): void {
    this.#hooks.onState(state, metaText);
  }

  /** What the child says counts, even when it is about to be killed: the task did end so. */
  done(outcome: Outcome): void {
    this.#endLimit();
    this.#settle(outcome);
  }

  terminate(signal: NodeJS.Signals): void {
    this.#verdict ??= (ran) => terminated(this.job, ran, signal);
  }

  /** @param how `signal 9 (SIGKILL)`: what to report whether it has begun or not */
  lose(how: string): void {
    this.#verdict ??= (ran) => workerLostFailure(this.job, ran, how);
  }

  /** The process is gone, and said nothing of the job's end. */
  processEnded(how: string): void {
    this.#endLimit();
    if (this.#verdict === null && !this.#hasBegun) this.#settle(NOT_BEGUN);
    const verdict = this.#verdict ?? ((ran: Ran) => workerLostFailure(this.job, ran, how));
    this.#settle(verdict(this.#ran()));
  }

  #watchLimit(limitMs: number): void {
    this.#endLimit = this.#options.deadlines.after(limitMs, () => {
      this.#verdict ??= (ran) => timeLimitFailure(this.job, ran);
      this.#options.onLimit();
    });
  }

  #ran(): Ran {
    const runtimeMs = this.#options.clock.monotonic() - this.#startedTick;
    return { pid: this.#options.pid, startedAt: this.#startedAt, runtimeMs };
  }
}
