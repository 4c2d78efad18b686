// What to do when the file does not take something: wait a little for another writer, longer for anything else, and tell.
import { backoff } from "../../backoff.ts";
import type { Clock, Instant } from "../../clock.ts";
import { messageOf } from "../../error.ts";
import type { Emit } from "../../event.ts";
import { isBusy } from "../../sqlite/failure.ts";

const pauses = { firstMs: 5, mostMs: 1000 };
// Another's transaction is no news; one that does not end is.
const busyIsNewsAfterMs = 2000;
const manyAttempts = 12;

export interface PatienceOptions {
  /** The broker's, for people. */
  readonly url: string;
  readonly clock: Clock;
  readonly emit: Emit;
}

export class Patience {
  readonly #options: PatienceOptions;
  #failures = 0;
  #since: Instant = 0;
  #isToldOf = false;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  succeeded(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    if (this.#isToldOf) this.#options.emit({ type: "broker-connected", url: this.#options.url });
    this.#isToldOf = false;
  }

  /** Resolves when it is time to try again. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, emit, url } = this.#options;
    if (this.#failures === 0) this.#since = clock.monotonic();
    const isNews = !isBusy(error) || clock.monotonic() - this.#since >= busyIsNewsAfterMs;
    if (isNews && !this.#isToldOf) {
      this.#isToldOf = true;
      emit({ type: "broker-disconnected", url, reason: messageOf(error) });
    }
    await clock.sleep(backoff(this.#failures, pauses), signal);
    this.#failures += 1;
  }

  /** Tries again, a few times, as long as it is only that somebody else writes. */
  async insist<T>(work: () => T, mostAttempts = manyAttempts): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || attempt === mostAttempts) throw error;
        await this.#options.clock.sleep(backoff(attempt, pauses));
      }
    }
  }
}
