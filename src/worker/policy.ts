// How this worker is to treat a task: what its options, the settings and the message say, in Celery's order of weight.
import type { App } from "../app/app.ts";
import type { TaskDefinition } from "../app/task-definition.ts";
import type { Task } from "../app/task.ts";
import type { Request } from "./request.ts";

export interface Policy {
  readonly acksLate: boolean;
  readonly acksOnFailureOrTimeout: boolean;
  readonly rejectOnWorkerLost: boolean;
  readonly trackStarted: boolean;
  readonly ignoreResult: boolean;
  readonly storeErrorsEvenIfIgnored: boolean;
}

/** A task's options do not change, nor do settings while a worker runs. */
const known = new WeakMap<Task, Policy>();

export function policyOf(app: App, request: Request): Policy {
  const task = app.tasks.get(request.name);
  if (task === undefined) return adapt(standing(app, {}), request);
  const policy = known.get(task) ?? standing(app, task.options);
  known.set(task, policy);
  return adapt(policy, request);
}

/** Either may say so: a caller who wants no result, and a task that has none to give. */
function adapt(policy: Policy, { headers }: Request): Policy {
  return headers["ignore_result"] === true && !policy.ignoreResult ? { ...policy, ignoreResult: true } : policy;
}

function standing({ conf }: App, options: TaskDefinition): Policy {
  return Object.freeze({
    acksLate: options.acksLate ?? conf.taskAcksLate,
    acksOnFailureOrTimeout: options.acksOnFailureOrTimeout ?? conf.taskAcksOnFailureOrTimeout,
    rejectOnWorkerLost: options.rejectOnWorkerLost ?? conf.taskRejectOnWorkerLost ?? false,
    trackStarted: options.trackStarted ?? conf.taskTrackStarted,
    ignoreResult: options.ignoreResult ?? conf.taskIgnoreResult,
    storeErrorsEvenIfIgnored: options.storeErrorsEvenIfIgnored ?? conf.taskStoreErrorsEvenIfIgnored,
  });
}

export interface TimeLimits {
  /** Seconds; null: none. */
  readonly hard: number | null;
  readonly soft: number | null;
}

/**
 * The message wins over the task, the task over the settings.
 *
 * @param set what remote control has set for the task
 */
export function timeLimitsOf(app: App, request: Request, set: TimeLimits | undefined): TimeLimits {
  const [hard, soft] = headerLimits(request.headers["timelimit"]);
  const options: TaskDefinition = app.tasks.get(request.name)?.options ?? {};
  const standing = set ?? {
    hard: options.timeLimit ?? app.conf.taskTimeLimit,
    soft: options.softTimeLimit ?? app.conf.taskSoftTimeLimit,
  };
  return { hard: hard ?? standing.hard, soft: soft ?? standing.soft };
}

function headerLimits(value: unknown): readonly [hard: number | null, soft: number | null] {
  const [hard, soft] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return [positive(hard), positive(soft)];
}

function positive(value: unknown): number | null {
  return typeof value === "number" && value > 0 ? value : null;
}
