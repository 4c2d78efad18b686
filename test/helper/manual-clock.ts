// A clock that moves only when told to, so that a test of a loop states its times instead of waiting for them.
import type { Clock, Instant } from "../../src/clock.ts";

/** Enough turns of the event loop for chains of promises, immediates and synchronous stores to come to rest. */
const ROUNDS = 12;

interface Sleeper {
  readonly dueAt: number;
  readonly order: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #elapsed = 0;
  #offset: number;
  #order = 0;

  /** @param startAt what `now()` says at first; `monotonic()` begins at 0 */
  constructor(startAt: Instant) {
    this.#offset = startAt;
  }

  /** How many calls of `sleep` are waiting. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  readonly now = (): Instant => Math.floor(this.#offset + this.#elapsed);

  readonly monotonic = (): number => this.#elapsed;

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const finish = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      this.#order += 1;
      const sleeper = { dueAt: this.#elapsed + Math.max(0, ms), order: this.#order, wake: finish };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", finish, { once: true });
      if (ms <= 0) setImmediate(finish);
    });

  /** Moves both clocks, stopping at each sleeper due on the way; resolves when all that woke has come to rest. */
  async advance(ms: number): Promise<void> {
    const target = this.#elapsed + ms;
    await this.settle();
    for (let next = this.#firstDue(target); next !== null; next = this.#firstDue(target)) {
      this.#elapsed = Math.max(this.#elapsed, next.dueAt);
      next.wake();
      await this.settle();
    }
    this.#elapsed = target;
    await this.settle();
  }

  /** Moves the wall clock alone, either way, as an administrator or NTP would; nobody wakes. */
  jump(ms: number): void {
    this.#offset += ms;
  }

  /** Lets work that is ready run, without moving any clock. */
  async settle(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  #firstDue(target: number): Sleeper | null {
    let first: Sleeper | null = null;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueAt > target) continue;
      if (first === null || before(sleeper, first)) first = sleeper;
    }
    return first;
  }
}

function before(left: Sleeper, right: Sleeper): boolean {
  return left.dueAt < right.dueAt || (left.dueAt === right.dueAt && left.order < right.order);
}
