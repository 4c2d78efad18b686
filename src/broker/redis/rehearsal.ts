// Takes batches the way to Redis that those to come will take, only to be refused there: what has not run for a while is slow.
import type { Clock } from "../../clock.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { type Guard, StaleTermError } from "../broker.ts";
import type { RedisPublisher } from "./publisher.ts";

export interface RehearsalOptions {
  readonly publisher: Pick<RedisPublisher, "publish" | "isCheapToRefuse">;
  readonly clock: Clock;
}

/** Terms are times and grow: nobody leads under this one, and Redis refuses whatever comes under it. */
const neverLed = 0;
/**
 * Where Redis never answers sooner it is not next door: what comes after a rehearsal would have to wait for its answers, which
 * takes longer than it brings.
 */
const farMs = 5;
/** The first answers of a process are slow everywhere. */
const fewestAnswers = 5;

export class Rehearsal {
  readonly #options: RehearsalOptions;
  #isWaiting = false;
  #answers = 0;
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /** One at a time: where Redis is away, nothing is to line up here. */
  async play(batch: readonly Envelope[], guard: Guard): Promise<void> {
    const { publisher, clock } = this.#options;
    if (this.#isWaiting || this.#isFar || !publisher.isCheapToRefuse(batch, guard)) return;
    this.#isWaiting = true;
    const askedAt = clock.monotonic();
    try {
      await publisher.publish(batch, { ...guard, term: neverLed });
    } catch (error) {
      if (!(error instanceof StaleTermError)) throw error;
      this.#answers += 1;
      this.#quickestMs = Math.min(this.#quickestMs, clock.monotonic() - askedAt);
    } finally {
      this.#isWaiting = false;
    }
  }

  get #isFar(): boolean {
    return this.#answers >= fewestAnswers && this.#quickestMs > farMs;
  }
}
