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
  /** Whether what comes again is looked up first: it may have succeeded before. */
  readonly deduplicates: boolean;
  /** In seconds; null: none. What the message says is not in it. */
  readonly limits: TimeLimits;
}

/** A task's options do not change, nor do settings while a worker runs. */
const known = new WeakMap<Task, Policy>();

export function policyOf(app: App, request: Request): Policy {
  const task = app.tasks.get(request.name);
  if (task === undefined) return adapt(standing(app, {}), request);
  let policy = known.get(task);
  if (policy === undefined) {
    policy = standing(app, task.options);
    known.set(task, policy);
  }
  return adapt(policy, request);
}

/** Either may say so: a caller who wants no result, and a task that has none to give. */
function adapt(policy: Policy, { headers }: Request): Policy {
  return headers["ignore_result"] === true && !policy.ignoreResult ? { ...policy, ignoreResult: true } : policy;
}

function standing({ conf }: App, options: TaskDefinition): Policy {
  const acksLate = options.acksLate ?? conf.taskAcksLate;
  return Object.freeze({
    acksLate,
    deduplicates: acksLate && conf.workerDeduplicateSuccessfulTasks,
    acksOnFailureOrTimeout: options.acksOnFailureOrTimeout ?? conf.taskAcksOnFailureOrTimeout,
    rejectOnWorkerLost: options.rejectOnWorkerLost ?? conf.taskRejectOnWorkerLost ?? false,
    trackStarted: options.trackStarted ?? conf.taskTrackStarted,
    ignoreResult: options.ignoreResult ?? conf.taskIgnoreResult,
    storeErrorsEvenIfIgnored: options.storeErrorsEvenIfIgnored ?? conf.taskStoreErrorsEvenIfIgnored,
    limits: standingLimits(conf, options),
  });
}

function standingLimits(conf: App["conf"], { timeLimit, softTimeLimit }: TaskDefinition): TimeLimits {
  return { hard: timeLimit ?? conf.taskTimeLimit, soft: softTimeLimit ?? conf.taskSoftTimeLimit };
}

export interface TimeLimits {
  /** Seconds; null: none. */
  readonly hard: number | null;
  readonly soft: number | null;
}

/**
 * The message wins over the task, the task over the settings.
 *
 * @param standing what remote control has set for the task, else its policy's
 */
export function timeLimitsOf({ headers }: Request, standing: TimeLimits): TimeLimits {
  const [hard, soft] = headerLimits(headers["timelimit"]);
  return { hard: hard ?? positive(standing.hard), soft: soft ?? positive(standing.soft) };
}

function headerLimits(value: unknown): readonly [hard: number | null, soft: number | null] {
  const [hard, soft] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return [positive(hard), positive(soft)];
}

/** A limit of 0 is none, as in Celery. */
function positive(value: unknown): number | null {
  return typeof value === "number" && value > 0 ? value : null;
}
