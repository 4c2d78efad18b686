// Long work on many entries in small steps: at once where nobody waits, else in turns with whatever is due meanwhile.
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** Work that can be left between any two of its steps. */
export type Steps<Result = void> = Generator<void, Result>;

/** How long the event loop may be held at a time. What is due then waits for it, and for no more. */
const turnMs = 4;
/** How long work without haste makes way at first, and then for each turn: a broker that is away must not hold it up for good. */
const patienceMs = 5000;
const patienceOfTurnMs = 2 * turnMs;
const restMs = 10;

export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Turns of a few milliseconds, with a turn of the event loop in between. */
export class Turns {
  readonly #clock: Clock;
  readonly #isBusy: () => boolean;
  #until: number;
  #leftMs = patienceMs;

  /** @param isBusy whether others have something better to do; they are made way for, for a while */
  constructor(clock: Clock, isBusy: () => boolean = () => false) {
    this.#clock = clock;
    this.#isBusy = isBusy;
    this.#until = clock.monotonic() + turnMs;
  }

  /** Whether the present turn has lasted long enough. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#until;
  }

  async take<Result>(steps: Steps<Result>): Promise<Result> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (this.isOver) await this.pass();
    }
  }

  /** Ends the present turn. Resolves when it is our turn again. */
  async pass(): Promise<void> {
    await setImmediate();
    this.#leftMs = Math.min(patienceMs, this.#leftMs + patienceOfTurnMs);
    for (; this.#leftMs >= restMs && this.#isBusy(); this.#leftMs -= restMs) await this.#clock.sleep(restMs);
    this.#until = this.#clock.monotonic() + turnMs;
  }
}
