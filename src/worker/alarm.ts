// One wake-up call over the injected clock, set anew at any time. It looks at the wall clock every few seconds, so that a
// clock that is set forward is noticed.
import type { Clock, Instant } from "../clock.ts";

const longestSleepMs = 5000;

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at: Instant | null = null;
  #sleeping: AbortController | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings once at that instant, or soon if it has passed; null: not at all. The last call counts. */
  set(at: Instant | null): void {
    if (at === this.#at) return;
    this.stop();
    this.#at = at;
    if (at !== null) void this.#sleep(at);
  }

  stop(): void {
    this.#at = null;
    this.#sleeping?.abort();
    this.#sleeping = null;
  }

  async #sleep(at: Instant): Promise<void> {
    const sleeping = new AbortController();
    this.#sleeping = sleeping;
    for (let leftMs = at - this.#clock.now(); leftMs > 0; leftMs = at - this.#clock.now()) {
      await this.#clock.sleep(Math.min(leftMs, longestSleepMs), sleeping.signal);
      if (sleeping.signal.aborted) return;
    }
    // Never within set(): who sets the alarm may not be ready for it to ring.
    await Promise.resolve();
    if (sleeping.signal.aborted) return;
    this.#at = null;
    this.#ring();
  }
}
