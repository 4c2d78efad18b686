// Automatic retries: which errors ask for one, and how long it waits.
import { camelOptions } from "./options.ts";
import type { LiveContext, RetryOptions } from "./task-context.ts";
import type { ErrorClass, TaskDefinition } from "./task-definition.ts";
import { isTaskError } from "./task-errors.ts";

/** What was thrown; or, where the task's `autoretryFor` says so, the Retry for it, or what is thrown when there were enough. */
export function asRetry(error: unknown, context: LiveContext, options: TaskDefinition): unknown {
  const { autoretryFor = [], dontAutoretryFor = [] } = options;
  if (!isOneOf(error, autoretryFor) || isOneOf(error, dontAutoretryFor) || isDecided(error)) return error;
  try {
    return context.retry({ exc: error, ...retryOptions(context.request.retries, options), throw: true });
  } catch (thrown) {
    return thrown;
  }
}

/** The task has said itself what is to become of it. */
function isDecided(error: unknown): boolean {
  return isTaskError(error, "Retry") || isTaskError(error, "Ignore") || isTaskError(error, "Reject");
}

function isOneOf(error: unknown, classes: readonly ErrorClass[]): boolean {
  return classes.some((kind) => error instanceof kind);
}

function retryOptions(retries: number, options: TaskDefinition): RetryOptions {
  const { retryKwargs = {}, retryBackoff = false, retryBackoffMax = 600, retryJitter = true } = options;
  const said = camelOptions(retryKwargs) as RetryOptions;
  const factor = Math.trunc(Number(retryBackoff));
  if (factor === 0) return said;
  return { ...said, countdown: backoffSeconds({ factor, retries, most: Math.trunc(retryBackoffMax) }, retryJitter) };
}

export interface BackoffSteps {
  /** Seconds before the first retry. */
  readonly factor: number;
  /** How many there have been. */
  readonly retries: number;
  /** The longest wait, in seconds. */
  readonly most: number;
}

/**
 * Seconds before an automatic retry: Celery's `get_exponential_backoff_interval`, `min(most, factor * 2 ** retries)`; with
 * jitter any whole number from 0 to that.
 *
 * @param random a number in [0, 1)
 */
export function backoffSeconds(
  { factor, retries, most }: BackoffSteps,
  jitter: boolean,
  random = Math.random(),
): number {
  const seconds = Math.min(most, factor * 2 ** Math.min(retries, 100));
  return Math.max(0, jitter ? Math.floor(random * (seconds + 1)) : seconds);
}
