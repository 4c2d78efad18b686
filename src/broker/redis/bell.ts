// A bell for one who waits: whoever rings while he is busy is heard when he waits next, so no call is lost.
import type { Clock } from "../../clock.ts";

interface Alarm {
  /** On the monotonic clock. */
  readonly dueTick: number;
  readonly ending: AbortController;
}

export class Bell {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | null = null;
  /** It stays set when the bell rings first: under load that is a thousand times a second. */
  #alarm: Alarm | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves when it rings, or has rung since the last wait; at the latest after `ms`, maybe sooner. One waits at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      this.#setAlarm(this.#clock.monotonic() + ms);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    this.#rung = false;
  }

  /** Nobody will wait again. */
  end(): void {
    this.#alarm?.ending.abort();
    this.#alarm = null;
  }

  #setAlarm(dueTick: number): void {
    if (this.#alarm !== null && this.#alarm.dueTick <= dueTick) return;
    this.end();
    const alarm = { dueTick, ending: new AbortController() };
    this.#alarm = alarm;
    const leftMs = dueTick - this.#clock.monotonic();
    void this.#clock.sleep(leftMs, alarm.ending.signal).then(() => {
      if (this.#alarm !== alarm) return;
      this.#alarm = null;
      this.#wake?.();
    });
  }
}
