// A bell for one who waits: whoever rings while he is busy is heard when he waits next, so no call is lost.
import type { Clock } from "../../clock.ts";

export class Bell {
  readonly #clock: Clock;
  #rung = false;
  #waiting: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#waiting?.abort();
  }

  /** Resolves when it rings, or has rung since the last wait; at the latest after `ms`. One waits at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      this.#waiting = new AbortController();
      await this.#clock.sleep(ms, this.#waiting.signal);
      this.#waiting = undefined;
    }
    this.#rung = false;
  }
}
