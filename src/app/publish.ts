// Publishing from a client: what to do when the broker is out of reach, as Celery's task_publish_retry has it.
import { type Broker, RefusedError, UndeliverableError } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { RetryPolicy } from "../config/section/task.ts";
import { LovageError } from "../error.ts";
import type { Envelope } from "../protocol/envelope.ts";

export interface PublishOptions {
  /** Opens the broker, or gives the one that is open. */
  readonly broker: () => Promise<Broker>;
  readonly clock: Clock;
  /** Null: one attempt. */
  readonly policy: RetryPolicy | null;
}

/**
 * Publishes one message. A connection that is lost, or never came, is tried again by the policy; the message keeps its
 * id, so that a second copy can be told by it.
 *
 * @throws LovageError with code `broker` when the last attempt failed, and at once for anything but a lost connection
 */
export async function publishWithRetry(envelope: Envelope, options: PublishOptions): Promise<void> {
  for (let retries = 0; ; retries += 1) {
    try {
      const broker = await options.broker();
      await broker.publish([envelope]);
      return;
    } catch (error) {
      const waitMs = isLostConnection(error) ? nextWaitMs(options.policy, retries) : null;
      if (waitMs === null) throw error;
      await options.clock.sleep(waitMs);
    }
  }
}

/**
 * Milliseconds before the retry that follows `retries` earlier ones, or null when it is not to be made: kombu's rule,
 * `start + retries * step`, and at most `start + max`.
 */
export function nextWaitMs(policy: RetryPolicy | null, retries: number): number | null {
  if (policy === null || (policy.maxRetries !== null && retries >= policy.maxRetries)) return null;
  const { intervalStart, intervalStep, intervalMax } = policy;
  return Math.min(intervalStart + retries * intervalStep, intervalStart + intervalMax) * 1000;
}

function isLostConnection(error: unknown): boolean {
  const isFinal = error instanceof UndeliverableError || error instanceof RefusedError;
  return error instanceof LovageError && error.code === "broker" && !isFinal;
}
