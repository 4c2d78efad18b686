// A worker that starts before its broker waits for it, and says so each time it tries.
import { backoff, type BackoffOptions } from "../backoff.ts";
import { type Broker, RefusedError } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { Settings } from "../config/settings.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { span } from "../log-words.ts";

export interface ConnectBrokerOptions {
  readonly broker: Broker;
  /** Any queue of the worker's. */
  readonly queue: string;
  readonly settings: Pick<
    Settings,
    "brokerConnectionRetry" | "brokerConnectionRetryOnStartup" | "brokerConnectionMaxRetries"
  >;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

const pause: BackoffOptions = { firstMs: 1000, mostMs: 30_000 };

/**
 * Resolves when the broker has answered, or when the signal is aborted.
 *
 * @throws LovageError when the settings allow no further attempt, or the broker refuses for good
 */
export async function connectBroker(options: ConnectBrokerOptions): Promise<void> {
  const { broker, queue, settings, emit, clock, signal } = options;
  const retries = mostRetries(settings);
  const ended = new Promise<null>((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const failure = await Promise.race([tryBroker(broker, queue), ended]);
    if (failure === null) return;
    if (attempt >= retries) throw failure;
    const waitMs = backoff(attempt, pause);
    const counted = Number.isFinite(retries) ? `${attempt + 1}/${retries}` : `attempt ${attempt + 1}`;
    emit({ type: "failure", where: "worker", reason: `${textOf(failure)}; next try in ${span(waitMs)} (${counted})` });
    await clock.sleep(waitMs, signal);
  }
}

/** As in Celery, a limit of 0 is none. */
function mostRetries(settings: ConnectBrokerOptions["settings"]): number {
  if (!(settings.brokerConnectionRetryOnStartup ?? settings.brokerConnectionRetry)) return 0;
  const most = settings.brokerConnectionMaxRetries ?? 0;
  return most === 0 ? Number.POSITIVE_INFINITY : most;
}

/** Null when it answers. */
async function tryBroker(broker: Broker, queue: string): Promise<LovageError | null> {
  try {
    await broker.depth(queue);
    return null;
  } catch (error) {
    if (!(error instanceof LovageError) || error instanceof RefusedError) throw error;
    return error;
  }
}

function textOf({ message, hint }: LovageError): string {
  return hint === undefined ? message : `${message} (${hint})`;
}
