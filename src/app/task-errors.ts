// What a task throws to say more than "it failed", and what a worker says of a task that could not go on; each knows what
// Celery calls it, so that Python clients meet their own classes.
import type { Instant } from "../clock.ts";
import { pythonRepr } from "../protocol/repr.ts";
import type { TaskOptions } from "../protocol/task-options.ts";

type Kwargs = Readonly<Record<string, unknown>>;

/** What an error is in Celery. */
interface CeleryClass {
  readonly type: string;
  readonly module: "celery.exceptions" | "billiard.exceptions" | "kombu.exceptions";
  readonly args: readonly unknown[];
}

/** The base of Celery's own errors. */
export class TaskError extends Error {
  /** The name of the class in Celery. */
  readonly celeryType: string;
  /** Its Python module. */
  readonly celeryModule: string;
  /** What it is made of there. */
  readonly celeryArgs: readonly unknown[];

  constructor(message: string, { type, module, args }: CeleryClass, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = type;
    this.celeryType = type;
    this.celeryModule = module;
    this.celeryArgs = Object.freeze([...args]);
  }
}

/** What a retry is to do otherwise than the call it repeats. */
export interface RetryPlan {
  /** The error behind it; it is what the state RETRY shows. */
  readonly exc?: unknown;
  /** When it is to run; null: the task's `defaultRetryDelay` from now. */
  readonly etaAt?: Instant | null;
  readonly args?: readonly unknown[];
  readonly kwargs?: Kwargs;
  readonly options?: TaskOptions;
}

/** The task is to run again: what `this.retry()` throws. */
export class Retry extends TaskError {
  readonly exc: unknown;
  readonly etaAt: Instant | null;
  readonly args: readonly unknown[] | undefined;
  readonly kwargs: Kwargs | undefined;
  readonly options: TaskOptions;

  constructor(message = "Task can be retried", plan: RetryPlan = {}) {
    super(message, { type: "Retry", module: "celery.exceptions", args: [message] }, plan.exc);
    this.exc = plan.exc;
    this.etaAt = plan.etaAt ?? null;
    this.args = plan.args;
    this.kwargs = plan.kwargs;
    this.options = plan.options ?? {};
  }
}

/** Thrown by a task that took care of its state itself: the worker reports nothing. */
export class Ignore extends TaskError {
  constructor(reason = "ignored by the task") {
    super(reason, { type: "Ignore", module: "celery.exceptions", args: [reason] });
  }
}

/** Thrown by a task that wants its message rejected; it takes `acksLate` for that to mean something. */
export class Reject extends TaskError {
  readonly reason: unknown;
  /** Back into its queue, instead of aside. */
  readonly requeue: boolean;

  constructor(reason: unknown = "rejected by the task", { requeue = false }: { readonly requeue?: boolean } = {}) {
    const shown = reason instanceof Error ? reason.message : reason;
    const text = typeof shown === "string" ? shown : pythonRepr(shown);
    super(text, { type: "Reject", module: "celery.exceptions", args: [shown, requeue] });
    this.reason = reason;
    this.requeue = requeue;
  }
}

/** A task asked for one retry too many, and named no error of its own to fail with. */
export class MaxRetriesExceededError extends TaskError {
  readonly taskArgs: readonly unknown[];
  readonly taskKwargs: Kwargs;

  constructor(message: string, taskArgs: readonly unknown[] = [], taskKwargs: Kwargs = {}) {
    super(message, { type: "MaxRetriesExceededError", module: "celery.exceptions", args: [message] });
    this.taskArgs = taskArgs;
    this.taskKwargs = taskKwargs;
  }
}

/** The reason with which `this.signal` is aborted when the soft time limit has passed. */
export class SoftTimeLimitExceeded extends TaskError {
  /** @param seconds the limit */
  constructor(seconds?: number) {
    const limit = seconds === undefined ? "" : ` of ${seconds} s`;
    const message = `the soft time limit${limit} has passed`;
    super(message, { type: "SoftTimeLimitExceeded", module: "billiard.exceptions", args: [] });
  }
}

/** The task was ended by force when its time limit had passed. */
export class TimeLimitExceeded extends TaskError {
  /** @param seconds the limit */
  constructor(seconds: number) {
    const message = `the time limit of ${seconds} s has passed`;
    super(message, { type: "TimeLimitExceeded", module: "billiard.exceptions", args: [seconds] });
  }
}

/** The process that ran the task is gone. */
export class WorkerLostError extends TaskError {
  constructor(message: string) {
    super(message, { type: "WorkerLostError", module: "billiard.exceptions", args: [message] });
  }
}

/** The task did not run, or not to its end: it was revoked, expired or terminated. */
export class TaskRevokedError extends TaskError {
  constructor(reason: "revoked" | "expired" | "terminated" = "revoked") {
    super(reason, { type: "TaskRevokedError", module: "celery.exceptions", args: [reason] });
  }
}

/** No task of that name is registered where the message arrived. */
export class NotRegistered extends TaskError {
  constructor(task: string) {
    const message = `task ${task} is not registered here: is it in a module that the app imports?`;
    super(message, { type: "NotRegistered", module: "celery.exceptions", args: [task] });
  }
}

/** What a task gave back cannot be written as JSON. */
export class EncodeError extends TaskError {
  constructor(message: string, cause?: unknown) {
    super(message, { type: "EncodeError", module: "kombu.exceptions", args: [message] }, cause);
  }
}

interface Thrown {
  readonly Retry: Retry;
  readonly Ignore: Ignore;
  readonly Reject: Reject;
  readonly TaskRevokedError: TaskRevokedError;
}

/** Whether an error is one of ours by its kind: a project may have loaded another copy of this package, with classes of its own. */
export function isTaskError<Type extends keyof Thrown>(error: unknown, type: Type): error is Thrown[Type] {
  if (!(error instanceof Error)) return false;
  const { celeryType, celeryModule } = error as Partial<TaskError>;
  return celeryType === type && celeryModule === "celery.exceptions";
}
