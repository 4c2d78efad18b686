// What the worker itself publishes, retries and what follows an outcome: again and again until the broker has it, since the
// message that asked for it may be gone already.
import { type BackoffOptions, backoff } from "../backoff.ts";
import type { Broker } from "../broker/broker.ts";
import { RefusedError, UndeliverableError } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Envelope } from "../protocol/envelope.ts";

export interface OutboxOptions {
  /** The connection for publishing. */
  readonly broker: () => Promise<Broker>;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly ending: AbortSignal;
}

const retry: BackoffOptions = { firstMs: 200, mostMs: 10_000 };

export class Outbox {
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Resolves with null when the broker has all of it, else with why it never will. */
  async send(batch: readonly Envelope[]): Promise<string | null> {
    const { broker, clock, emit, ending } = this.#options;
    for (let attempt = 0; batch.length > 0; attempt += 1) {
      try {
        await (await broker()).publish(batch);
        return null;
      } catch (error) {
        if (!isPassing(error) || ending.aborted) return messageOf(error);
        const waitMs = backoff(attempt, retry);
        if (attempt === 0) emit({ type: "failure", where: "worker", reason: `cannot publish: ${messageOf(error)}` });
        await clock.sleep(waitMs, ending);
      }
    }
    return null;
  }
}

function isPassing(error: unknown): boolean {
  const isFinal = error instanceof UndeliverableError || error instanceof RefusedError;
  return error instanceof LovageError && error.code === "broker" && !isFinal;
}
