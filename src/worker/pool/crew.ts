// Keeps as many child processes as there should be: replaces those that end, and takes its time when they end at once.
import { backoff } from "../../backoff.ts";
import { Deadlines } from "./deadlines.ts";
import { type Ending, ForkedChild } from "./forked-child.ts";
import { OrphanGuard } from "./orphan-guard.ts";
import type { PoolOptions } from "./pool-options.ts";

const LEAST_LOADING_MS = 30_000;
const DEFAULT_LOST_WAIT_MS = 10_000;
/** A child that ends without having done a job sooner than this is part of a crash loop. */
const YOUNG_MS = 10_000;
const REPEAT = Object.freeze({ firstMs: 250, mostMs: 30_000 });

export interface CrewOptions extends PoolOptions {
  /** A child has loaded and may be given a job. */
  readonly onReady: (child: ForkedChild) => void;
}

export class Crew {
  readonly #options: CrewOptions;
  readonly #children = new Set<ForkedChild>();
  readonly #guard = new OrphanGuard();
  readonly #ending = new AbortController();
  readonly #deadlines: Deadlines;
  #size: number;
  #isStarted = false;
  /** Children in a row that ended at once. */
  #failures = 0;
  #isForkDelayed = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#size = options.size;
    this.#deadlines = new Deadlines(options.clock);
  }

  /** All that have not ended, those that are about to among them. */
  get children(): readonly ForkedChild[] {
    return [...this.#children];
  }

  get isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  /** @throws {LovageError} with what a child says when the app cannot be loaded; then all have ended */
  async start(): Promise<void> {
    if (this.#isStarted || this.isEnding) return;
    this.#isStarted = true;
    this.#guard.start();
    this.#keepSize();
    try {
      await Promise.all(this.children.map(({ ready }) => ready));
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Resolves when the children added have loaded, or could not; those too many end when their jobs are done. */
  async resize(size: number): Promise<void> {
    this.#size = size;
    for (const child of this.#surplus()) this.retire(child, "the pool was made smaller");
    this.#keepSize();
    await Promise.allSettled(this.children.map(({ ready }) => ready));
  }

  /**
   * Replaces all, one after the other, each only when its replacement has loaded.
   *
   * @throws {LovageError} when a replacement cannot load; the children that are left go on
   */
  async restart(): Promise<void> {
    const old = this.children;
    for (const child of old) {
      if (child.isRetired || this.isEnding) continue;
      await this.#fork().ready;
      this.retire(child, "the pool was restarted");
    }
    await Promise.all(old.map(({ gone }) => gone));
  }

  /** It ends when its job is done, if it has one; its replacement is begun at once. */
  retire(child: ForkedChild, reason: string): void {
    child.retire(reason);
    this.#keepSize();
  }

  /** A child has done a job: what went wrong before is over. */
  prosper(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#keepSize();
  }

  /** Resolves when all have done their jobs and ended. */
  async stop(): Promise<void> {
    this.#ending.abort();
    for (const child of this.#children) child.retire("the worker is stopping");
    await this.#end();
  }

  async kill(): Promise<void> {
    this.#ending.abort();
    for (const child of this.#children) child.kill("cold shutdown");
    await this.#end();
  }

  async #end(): Promise<void> {
    await Promise.all(this.children.map(({ gone }) => gone));
    this.#guard.stop();
    this.#deadlines.end();
  }

  #keepSize(): void {
    if (!this.#isStarted || this.isEnding) return;
    if (this.#failures > 0) void this.#forkLater();
    else while (this.#missing() > 0) this.#fork();
  }

  #missing(): number {
    return this.#size - this.children.filter(({ isRetired }) => !isRetired).length;
  }

  /** One at a time, as a trial. */
  async #forkLater(): Promise<void> {
    if (this.#isForkDelayed || this.#missing() <= 0) return;
    this.#isForkDelayed = true;
    await this.#options.clock.sleep(backoff(this.#failures - 1, REPEAT), this.#ending.signal);
    this.#isForkDelayed = false;
    if (this.#missing() > 0 && !this.isEnding) this.#fork();
  }

  #fork(): ForkedChild {
    const { clock, child: module, procAliveTimeoutMs, lostWaitMs, maxMemoryPerChildKiB } = this.#options;
    const child = new ForkedChild({
      child: module,
      readyWithinMs: Math.max(LEAST_LOADING_MS, procAliveTimeoutMs ?? 0),
      lostWaitMs: lostWaitMs ?? DEFAULT_LOST_WAIT_MS,
      measure: (maxMemoryPerChildKiB ?? null) !== null,
      clock,
      deadlines: this.#deadlines,
    });
    this.#children.add(child);
    this.#guard.watch(this.#pids());
    void child.gone.then((ending) => this.#bury(child, ending));
    void child.ready.then(
      () => this.#admit(child),
      () => {},
    );
    return child;
  }

  #admit(child: ForkedChild): void {
    if (!child.isRetired) this.#options.onReady(child);
    this.#keepSize();
  }

  #bury(child: ForkedChild, { reason, expected }: Ending): void {
    this.#children.delete(child);
    this.#guard.watch(this.#pids());
    if (!expected && child.jobs === 0) this.#failures = child.readyForMs < YOUNG_MS ? this.#failures + 1 : 0;
    this.#options.emit({ type: "child-ended", pid: child.pid, reason, expected });
    this.#keepSize();
  }

  #pids(): readonly number[] {
    return this.children.map(({ pid }) => pid).filter((pid) => pid !== 0);
  }

  /** Those without a job first, and of those the youngest. */
  #surplus(): readonly ForkedChild[] {
    const staying = this.children.filter(({ isRetired }) => !isRetired).reverse();
    const idleFirst = [...staying.filter(({ job }) => job === null), ...staying.filter(({ job }) => job !== null)];
    return idleFirst.slice(0, Math.max(0, staying.length - this.#size));
  }
}
