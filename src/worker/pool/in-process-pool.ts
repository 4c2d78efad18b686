// The pools within the worker's own process: `async` runs many jobs at once, for I/O; `solo` one after the other.
import { LovageError } from "../../error.ts";
import type { Job, Outcome } from "../job.ts";
import { Deadlines } from "./deadlines.ts";
import { notBegun } from "./ended.ts";
import { JobHere } from "./job-here.ts";
import type { JobHooks, Pool } from "./pool.ts";
import type { PoolOptions } from "./pool-options.ts";
import { checkSize } from "./pool-size.ts";
import { WaitingJobs } from "./waiting-jobs.ts";

/**
 * A task here can be asked to stop, through its signal, but not be made to: when its hard limit has passed, or it is
 * terminated, its outcome is told at once and its slot is free, while a function that does not heed the signal goes on
 * unheard. An endless loop without an `await` stops the whole worker; use prefork for tasks that may do that.
 */
export class InProcessPool implements Pool {
  readonly kind: "async" | "solo";
  readonly #options: PoolOptions;
  readonly #running = new Set<JobHere>();
  readonly #waiting = new WaitingJobs();
  readonly #deadlines: Deadlines;
  #size: number;
  #ending = false;
  #whenIdle: (() => void)[] = [];

  constructor(kind: "async" | "solo", options: PoolOptions) {
    this.kind = kind;
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#size = kind === "solo" ? 1 : checkSize(options.size);
  }

  get size(): number {
    return this.#size;
  }

  get free(): number {
    return this.#ending ? 0 : Math.max(0, this.#size - this.#running.size - this.#waiting.length);
  }

  /** There is never more room here but at the end of a job, or by `resize`, which its caller knows of. */
  onRoom(): void {}

  get processes(): readonly number[] {
    return [process.pid];
  }

  async start(): Promise<void> {}

  run(job: Job, hooks: JobHooks): Promise<Outcome> {
    return new Promise((settle) => {
      this.#waiting.push({ job, hooks, settle, attempts: 0 });
      if (this.#ending) this.#refuseWaiting();
      else this.#next();
    });
  }

  terminate(id: string, signal: NodeJS.Signals): boolean {
    const meant = [...this.#running].filter(({ job }) => job.id === id);
    for (const running of meant) running.terminate(signal);
    return meant.length > 0;
  }

  async resize(size: number): Promise<void> {
    if (this.kind === "solo" && size !== 1) {
      throw new LovageError("usage", "the solo pool always runs one task at a time", {
        hint: "start the worker with -P prefork or -P async to run several",
      });
    }
    this.#size = checkSize(size);
    this.#next();
  }

  /** There is nothing to replace. */
  async restart(): Promise<void> {}

  stats(): Readonly<Record<string, unknown>> {
    return {
      "max-concurrency": this.#size,
      processes: this.processes,
      "max-tasks-per-child": null,
      "put-guarded-by-semaphore": true,
      timeouts: this.#options.timeouts ?? [0, 0],
    };
  }

  async stop(): Promise<void> {
    this.#ending = true;
    this.#refuseWaiting();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#deadlines.end();
  }

  async kill(): Promise<void> {
    const stopped = this.stop();
    for (const running of this.#running) running.lose("cold shutdown");
    await stopped;
  }

  #next(): void {
    const { run, clock } = this.#options;
    while (this.#running.size < this.#size) {
      const waiting = this.#waiting.take();
      if (waiting === undefined) return;
      const running = new JobHere(waiting.job, waiting.hooks, { run, clock, deadlines: this.#deadlines });
      this.#running.add(running);
      void running.ended.then((outcome) => {
        this.#running.delete(running);
        waiting.settle(outcome);
        this.#afterJob();
      });
    }
  }

  #afterJob(): void {
    this.#next();
    if (this.#running.size > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #refuseWaiting(): void {
    const at = this.#options.clock.now();
    for (const { job, settle } of this.#waiting.takeAll()) settle(notBegun(job, at, "the worker is stopping"));
  }
}
