// One job in the worker's own process: its run, its signal, its hard time limit, and the one outcome that counts.
import { TaskRevokedError, TimeLimitExceeded, WorkerLostError } from "../../app/task-errors.ts";
import type { Clock, Instant } from "../../clock.ts";
import type { Job, Outcome } from "../job.ts";
import { type Ran, terminated, thrownFailure, timeLimitFailure, workerLostFailure } from "./ended.ts";
import type { JobHooks } from "./pool.ts";
import type { RunInProcess } from "./pool-options.ts";

interface Tools {
  readonly run: RunInProcess;
  readonly clock: Clock;
}

export class JobHere {
  readonly job: Job;
  /** Never rejects. */
  readonly ended: Promise<Outcome>;
  readonly #hooks: JobHooks;
  readonly #tools: Tools;
  readonly #stop = new AbortController();
  #limit: AbortController | null = null;
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
  #heard(): JobHooks & { readonly signal: AbortSignal } {
    return {
      signal: this.#stop.signal,
      onStart: (pid, at) => {
        if (this.#isOver) return;
        this.#startedAt = at;
        this.#startedTick = this.#tools.clock.monotonic();
        void this.#watchLimit();
        this.#hooks.onStart(pid, at);
      },
      onState: (state, metaText) => {
        if (!this.#isOver) this.#hooks.onState(state, metaText);
      },
    };
  }

  async #watchLimit(): Promise<void> {
    if (this.job.timeLimitMs === null) return;
    this.#limit = new AbortController();
    await this.#tools.clock.sleep(this.job.timeLimitMs, this.#limit.signal);
    if (this.#isOver) return;
    this.#cutOff(timeLimitFailure(this.job, this.#ran()), new TimeLimitExceeded(this.job.timeLimitMs / 1000));
  }

  /** The outcome first: the function may answer the signal at once. */
  #cutOff(outcome: Outcome, reason: Error): void {
    if (this.#isOver) return;
    this.#end(outcome);
    this.#stop.abort(reason);
  }

  #end(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#limit?.abort();
    this.#settle(outcome);
  }

  #ran(): Ran {
    const runtimeMs = this.#tools.clock.monotonic() - this.#startedTick;
    return { pid: process.pid, startedAt: this.#startedAt, runtimeMs };
  }
}
