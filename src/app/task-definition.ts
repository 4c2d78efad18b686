// What `app.task` may be told about a task: where its messages go, and how a worker is to run it.
import { z } from "zod";
import { checkTaskOptions, type TaskOptions } from "../protocol/task-options.ts";
import { ConfigError, didYouMean, type Problem } from "../error.ts";
import { camelOptions } from "./options.ts";

/** The class of an error. */
export type ErrorClass = abstract new (...args: never) => unknown;

/** Options of calls that a task may set for all of its calls. Each call may still say otherwise. */
export type TaskPublishOptions = Pick<
  TaskOptions,
  | "queue"
  | "exchange"
  | "exchangeType"
  | "routingKey"
  | "priority"
  | "expires"
  | "serializer"
  | "compression"
  | "deliveryMode"
  | "timeLimit"
  | "softTimeLimit"
  | "ignoreResult"
>;

const errorClasses = z.array(
  z.custom<ErrorClass>((value) => typeof value === "function", "expected a class of errors"),
);

const workerSchema = z.strictObject({
  bind: z.boolean(),
  acksLate: z.boolean(),
  acksOnFailureOrTimeout: z.boolean(),
  rejectOnWorkerLost: z.boolean(),
  trackStarted: z.boolean(),
  storeErrorsEvenIfIgnored: z.boolean(),
  maxRetries: z.int().nonnegative().nullable(),
  defaultRetryDelay: z.number().nonnegative(),
  autoretryFor: errorClasses,
  dontAutoretryFor: errorClasses,
  retryBackoff: z.union([z.boolean(), z.number().nonnegative()]),
  retryBackoffMax: z.number().nonnegative(),
  retryJitter: z.boolean(),
  retryKwargs: z.record(z.string(), z.unknown()),
  rateLimit: z.union([
    z.number().nonnegative(),
    z.string().regex(/^\d+(\.\d+)?(\/[smh])?$/, "expected text such as 10/m"),
  ]),
  throws: errorClasses,
});

/** How a worker runs the task. Spans are seconds; what is left out comes from the settings, or is as in Celery. */
export interface TaskWorkerOptions {
  /** The function is given the task as its `this`: `this.retry()`. */
  readonly bind?: boolean;
  /** Acknowledge the message after the run instead of before. */
  readonly acksLate?: boolean;
  readonly acksOnFailureOrTimeout?: boolean;
  /** With `acksLate`: put the message back when the worker process dies. */
  readonly rejectOnWorkerLost?: boolean;
  /** Report the state STARTED. */
  readonly trackStarted?: boolean;
  readonly storeErrorsEvenIfIgnored?: boolean;
  /** Retries before giving up (3); null: without end. */
  readonly maxRetries?: number | null;
  /** Seconds before a retry that says nothing else (180). */
  readonly defaultRetryDelay?: number;
  /** Errors after which the task is retried by itself. */
  readonly autoretryFor?: readonly ErrorClass[];
  readonly dontAutoretryFor?: readonly ErrorClass[];
  /** Wait longer with each retry; a number is the first wait in seconds. */
  readonly retryBackoff?: boolean | number;
  /** The longest such wait in seconds (600). */
  readonly retryBackoffMax?: number;
  /** Shorten such waits at random, so that retries spread out. */
  readonly retryJitter?: boolean;
  /** Options of automatic retries: `{ maxRetries, countdown }`. */
  readonly retryKwargs?: Readonly<Record<string, unknown>>;
  /** The most runs of this task on one worker: `10/s`, `100/m`, `5/h`, or a number a second. */
  readonly rateLimit?: number | string;
  /** Errors that are expected, and no cause for a stack trace in the log. */
  readonly throws?: readonly ErrorClass[];
}

/** The options of `app.task`, in Celery's words. */
export interface TaskDefinition extends TaskPublishOptions, TaskWorkerOptions {
  /** In place of `app.name` and the function's name. */
  readonly name?: string;
}

const publishNames: readonly (keyof TaskPublishOptions)[] = [
  "queue",
  "exchange",
  "exchangeType",
  "routingKey",
  "priority",
  "expires",
  "serializer",
  "compression",
  "deliveryMode",
  "timeLimit",
  "softTimeLimit",
  "ignoreResult",
];

const knownNames: readonly string[] = ["name", ...publishNames, ...Object.keys(workerSchema.shape)];

/**
 * The definition in camel case, checked and frozen.
 *
 * @throws ConfigError with every unknown option and every bad value
 */
export function checkDefinition(task: string, written: object): TaskDefinition {
  const definition = camelOptions(written) as TaskDefinition;
  const unknown = Object.keys(definition).filter((name) => !knownNames.includes(name));
  const problems: Problem[] = unknown.map((name) => {
    const near = didYouMean(name, knownNames);
    return { message: `task ${task} has no option ${name}`, hint: near === null ? undefined : `did you mean ${near}?` };
  });
  const worker = Object.entries(definition).filter(([name]) => Object.hasOwn(workerSchema.shape, name));
  const outcome = workerSchema.partial().safeParse(Object.fromEntries(worker));
  for (const issue of outcome.error?.issues ?? []) {
    problems.push({
      message: `task ${task}: ${issue.path.join(".")}: ${issue.message.replace(/^Invalid input: /, "")}`,
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  checkTaskOptions(publishOptions(definition));
  // Celery's null has a meaning here: retries without end.
  const { max_retries: snake, maxRetries = snake } = written as { max_retries?: unknown; maxRetries?: unknown };
  return Object.freeze(maxRetries === null ? { ...definition, maxRetries: null } : definition);
}

/** The part of a definition that goes into each call. */
export function publishOptions(definition: TaskDefinition): TaskPublishOptions {
  const chosen = publishNames.filter((name) => definition[name] !== undefined).map((name) => [name, definition[name]]);
  return Object.freeze(Object.fromEntries(chosen) as TaskPublishOptions);
}
