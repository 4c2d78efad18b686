// The pool of child processes: hands each job to a free child, and tells what came of it, whatever becomes of the child.
import { constants } from "node:os";
import { LovageError } from "../../error.ts";
import type { Job, Outcome } from "../job.ts";
import { NOT_BEGUN } from "./child-job.ts";
import { Crew } from "./crew.ts";
import { notBegun, workerLostFailure } from "./ended.ts";
import type { ForkedChild } from "./forked-child.ts";
import type { JobHooks, Pool } from "./pool.ts";
import type { PoolOptions } from "./pool-options.ts";
import { checkSize } from "./pool-size.ts";
import { preforkStats } from "./prefork-stats.ts";
import { type WaitingJob, WaitingJobs } from "./waiting-jobs.ts";

/** A job whose child dies before it begins is tried so often before it counts as lost. */
const MOST_ATTEMPTS = 3;

/**
 * A child has one job at a time, so that none waits behind a long one while another child is free. The child that was
 * free last is taken first: under little load few children stay warm.
 */
export class PreforkPool implements Pool {
  readonly kind = "prefork";
  readonly #options: PoolOptions;
  readonly #crew: Crew;
  readonly #waiting = new WaitingJobs();
  #idle: ForkedChild[] = [];
  #size: number;
  #running = 0;
  #tellOfRoom: () => void = () => undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#size = checkSize(options.size);
    this.#crew = new Crew({
      ...options,
      onReady: (child) => {
        this.#idle.push(child);
        this.#handOut();
        this.#tellOfRoom();
      },
    });
  }

  get size(): number {
    return this.#size;
  }

  get free(): number {
    if (this.#crew.isEnding) return 0;
    const idle = this.#idle.filter(({ isRetired }) => !isRetired).length;
    return Math.max(0, Math.min(idle, this.#size - this.#running) - this.#waiting.length);
  }

  onRoom(listener: () => void): void {
    this.#tellOfRoom = listener;
  }

  get processes(): readonly number[] {
    return this.#crew.children.map(({ pid }) => pid);
  }

  /** @throws {LovageError} with what a child says when the app cannot be loaded */
  async start(): Promise<void> {
    await this.#crew.start();
  }

  run(job: Job, hooks: JobHooks): Promise<Outcome> {
    return new Promise((settle) => {
      this.#waiting.push({ job, hooks, settle, attempts: 0 });
      if (this.#crew.isEnding) this.#refuseWaiting();
      else this.#handOut();
    });
  }

  /** @throws {LovageError} when there is no such signal */
  terminate(id: string, signal: NodeJS.Signals): boolean {
    if (!Object.hasOwn(constants.signals, signal)) {
      throw new LovageError("usage", `there is no signal ${signal}`, { hint: "say SIGTERM or SIGKILL, for example" });
    }
    const meant = this.#crew.children.filter(({ job }) => job?.id === id);
    for (const child of meant) child.terminate(signal);
    return meant.length > 0;
  }

  /** Resolves when the children added have loaded; those too many end when their jobs are done. */
  async resize(size: number): Promise<void> {
    this.#size = checkSize(size);
    const resized = this.#crew.resize(size);
    this.#handOut();
    await resized;
  }

  /** @throws {LovageError} when a replacement cannot load; the children that are left go on */
  async restart(): Promise<void> {
    await this.#crew.restart();
  }

  stats(): Readonly<Record<string, unknown>> {
    return preforkStats(this.#size, this.#crew.children, this.#options);
  }

  async stop(): Promise<void> {
    const stopped = this.#crew.stop();
    this.#refuseWaiting();
    await stopped;
  }

  async kill(): Promise<void> {
    const killed = this.#crew.kill();
    this.#refuseWaiting();
    await killed;
  }

  #handOut(): void {
    while (this.#running < this.#size && this.#waiting.length > 0) {
      const child = this.#idle.pop();
      if (child === undefined) return;
      const waiting = child.isRetired ? undefined : this.#waiting.take();
      if (waiting !== undefined) void this.#give(child, waiting);
    }
  }

  async #give(child: ForkedChild, waiting: WaitingJob): Promise<void> {
    this.#running += 1;
    const ended = child.run(waiting.job, waiting.hooks);
    const most = this.#options.maxTasksPerChild ?? Number.POSITIVE_INFINITY;
    // Before the job is done, so that the replacement loads meanwhile.
    if (child.jobs >= most) this.#crew.retire(child, `its ${most} tasks are done (worker_max_tasks_per_child)`);
    const result = await ended;
    this.#running -= 1;
    if (result === NOT_BEGUN) this.#tryAgain(waiting);
    else this.#finish(child, waiting, result);
    this.#handOut();
  }

  #finish(child: ForkedChild, { settle }: WaitingJob, outcome: Outcome): void {
    this.#retireUnfit(child, outcome);
    if (!child.isRetired) this.#idle.push(child);
    this.#crew.prosper();
    settle(outcome);
  }

  #retireUnfit(child: ForkedChild, outcome: Outcome): void {
    const most = this.#options.maxMemoryPerChildKiB ?? Number.POSITIVE_INFINITY;
    if (outcome.abandoned === true) {
      this.#crew.retire(child, `the function of task ${outcome.id} goes on after its soft time limit`);
    } else if (child.rssKiB > most) {
      this.#crew.retire(child, `it uses ${child.rssKiB} KiB, more than ${most} (worker_max_memory_per_child)`);
    }
  }

  /** Its child died before the job began: nothing has happened yet, so another child may have it. */
  #tryAgain(waiting: WaitingJob): void {
    waiting.attempts += 1;
    if (waiting.attempts < MOST_ATTEMPTS) this.#waiting.putBack(waiting);
    else waiting.settle(this.#neverBegan(waiting.job));
    if (this.#crew.isEnding) this.#refuseWaiting();
  }

  #neverBegan(job: Job): Outcome {
    const never = { pid: 0, startedAt: this.#options.clock.now(), runtimeMs: 0 };
    return workerLostFailure(job, never, `${MOST_ATTEMPTS} processes ended before they began it.`);
  }

  #refuseWaiting(): void {
    const at = this.#options.clock.now();
    for (const { job, settle } of this.#waiting.takeAll()) settle(notBegun(job, at, "the worker is stopping"));
  }
}
