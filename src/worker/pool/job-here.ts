// One job in the worker's own process: its run, its signal, its hard time limit, and the one outcome that counts.
import { TaskRevokedError, TimeLimitExceeded, WorkerLostError } from "../../app/task-errors.ts";
import type { Clock, Instant } from "../../clock.ts";
import type { Job, Outcome } from "../job.ts";
import { type Ran, terminated, thrownFailure, timeLimitFailure, workerLostFailure } from "./ended.ts";
import type { Deadlines } from "./deadlines.ts";
import type { JobHooks } from "./pool.ts";
import type { RunHooks, RunInProcess } from "./pool-options.ts";

interface Tools {
  readonly run: RunInProcess;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
}

export class JobHere {
  readonly job: Job;
  /** Never rejects. */
  readonly ended: Promise<Outcome>;
  readonly #hooks: JobHooks;
  readonly #tools: Tools;
  #stop: (reason: Error) => void = () => {};
  #stopReason: Error | null = null;
  #endLimit: () => void = () => {};
  #startedAt: Instant;
  #startedTick: number;
  #settle: (outcome: Outcome) => void = () => {};
  #isOver = false;

  constructor(job: Job, hooks: JobHooks, tools: Tools) {
    this.job = job;
    this.#hooks = hooks;
    this.#tools = tools;
    this.#startedAt = tools.clock.now();
    this.#startedTick = tools.clock.monotonic();
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    void this.#run();
  }

  terminate(signal: NodeJS.Signals): void {
    this.#cutOff(terminated(this.job, this.#ran(), signal), new TaskRevokedError("terminated"));
  }

  lose(how: string): void {
    this.#cutOff(workerLostFailure(this.job, this.#ran(), how), new WorkerLostError(how));
  }

  async #run(): Promise<void> {
    try {
      this.#end(await this.#tools.run(this.job, this.#heard()));
    } catch (error) {
      this.#end(thrownFailure(this.job, this.#ran(), error));
    }
  }

  /** The hooks, as long as anybody listens. */
  #heard(): RunHooks {
    return {
      onStop: (stop) => {
        this.#stop = stop;
        if (this.#stopReason !== null) stop(this.#stopReason);
      },
      onStart: (pid, at) => {
        if (this.#isOver) return;
        this.#startedAt = at;
        this.#startedTick = this.#tools.clock.monotonic();
        if (this.job.timeLimitMs !== null) this.#watchLimit(this.job.timeLimitMs);
        this.#hooks.onStart(pid, at);
      },
      onState: (state, metaText) => {
        if (!this.#isOver) this.#hooks.onState(state, metaText);
      },
    };
  }

  #watchLimit(limitMs: number): void {
    this.#endLimit = this.#tools.deadlines.after(limitMs, () => {
      this.#cutOff(timeLimitFailure(this.job, this.#ran()), new TimeLimitExceeded(limitMs / 1000));
    });
  }

  /** The outcome first: the function may answer the signal at once. */
  #cutOff(outcome: Outcome, reason: Error): void {
    if (this.#isOver) return;
    this.#end(outcome);
    this.#stopReason = reason;
    this.#stop(reason);
  }

  #end(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endLimit();
    this.#settle(outcome);
  }

  #ran(): Ran {
    const runtimeMs = this.#tools.clock.monotonic() - this.#startedTick;
    return { pid: process.pid, startedAt: this.#startedAt, runtimeMs };
  }
}
