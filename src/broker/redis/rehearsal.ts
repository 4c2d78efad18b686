// Takes batches the way to Redis that those to come will take, only to be refused there: what has not run for a while is slow.
import type { Clock } from "../../clock.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { type Guard, RefusedError, StaleTermError } from "../broker.ts";
import type { RedisPublisher } from "./publisher.ts";

export interface RehearsalOptions {
  readonly publisher: Pick<RedisPublisher, "publish" | "isCheapToRefuse">;
  readonly clock: Clock;
}

/** Terms are times and grow: nobody leads under this one, and Redis refuses whatever comes under it. */
const neverLed = 0;
/**
 * A Redis whose answers take longer, so often in a row, is not next door: what comes after a rehearsal would have to wait for its
 * answers, and that is longer than what it brings. Now and then it is tried again.
 */
const nearMs = 5;
const mostSlowAnswers = 3;
const tryAgainMs = 3_600_000;

export class Rehearsal {
  readonly #options: RehearsalOptions;
  #isWaiting = false;
  #isForbidden = false;
  #slowAnswers = 0;
  #answeredAt = 0;

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /** One at a time: where Redis is away, nothing is to line up here. */
  async play(batch: readonly Envelope[], guard: Guard): Promise<void> {
    const { publisher, clock } = this.#options;
    if (this.#isWaiting || this.#isForbidden || this.#isFar() || !publisher.isCheapToRefuse(batch, guard)) return;
    this.#isWaiting = true;
    const askedAt = clock.monotonic();
    try {
      await publisher.publish(batch, { ...guard, term: neverLed });
    } catch (error) {
      if (!(error instanceof StaleTermError)) throw this.#noteFailure(error);
      this.#noteAnswer(clock.monotonic() - askedAt);
    } finally {
      this.#isWaiting = false;
    }
  }

  /** A user who may not do what it takes would be noted in the server's log each time. */
  #noteFailure(error: unknown): unknown {
    this.#isForbidden ||= error instanceof RefusedError;
    return error;
  }

  #noteAnswer(tookMs: number): void {
    this.#slowAnswers = tookMs > nearMs ? this.#slowAnswers + 1 : 0;
    this.#answeredAt = this.#options.clock.monotonic();
  }

  #isFar(): boolean {
    const isRecent = this.#options.clock.monotonic() - this.#answeredAt < tryAgainMs;
    return this.#slowAnswers >= mostSlowAnswers && isRecent;
  }
}
