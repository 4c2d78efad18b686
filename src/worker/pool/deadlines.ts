// The hard time limits of all running jobs, over one wake-up call: a timer for each would cost as much as a small task.
import type { Clock } from "../../clock.ts";

/** Timers take no more than 2^31. */
const longestSleepMs = 86_400_000;
/** So much too early may a timer ring. */
const earlyMs = 1;

interface Deadline {
  /** On the monotonic clock. */
  readonly dueTick: number;
  readonly onPassed: () => void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #deadlines = new Set<Deadline>();
  /** It stays set when its job ends in time, for those that come after it. */
  #alarm: { readonly dueTick: number; readonly ending: AbortController } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls once, when so many milliseconds have passed.
   *
   * @returns ends the wait
   */
  after(limitMs: number, onPassed: () => void): () => void {
    const deadline = { dueTick: this.#clock.monotonic() + limitMs, onPassed };
    this.#deadlines.add(deadline);
    this.#setAlarm(deadline.dueTick);
    return () => void this.#deadlines.delete(deadline);
  }

  /** No job runs any more: nothing keeps the process alive. */
  end(): void {
    this.#deadlines.clear();
    this.#alarm?.ending.abort();
    this.#alarm = null;
  }

  #setAlarm(dueTick: number): void {
    if (this.#alarm !== null && this.#alarm.dueTick <= dueTick) return;
    this.#alarm?.ending.abort();
    this.#alarm = { dueTick, ending: new AbortController() };
    void this.#ring(this.#alarm.ending.signal, dueTick);
  }

  async #ring(ending: AbortSignal, dueTick: number): Promise<void> {
    await this.#clock.sleep(Math.min(dueTick - this.#clock.monotonic(), longestSleepMs), ending);
    if (ending.aborted) return;
    this.#alarm = null;
    const tick = this.#clock.monotonic() + earlyMs;
    const passed = [...this.#deadlines].filter((deadline) => deadline.dueTick <= tick);
    for (const deadline of passed) this.#deadlines.delete(deadline);
    const next = Math.min(...[...this.#deadlines].map((deadline) => deadline.dueTick));
    if (Number.isFinite(next)) this.#setAlarm(next);
    for (const { onPassed } of passed) onPassed();
  }
}
