// What `app.task` may be told about a task: where its messages go, and how a worker is to run it.
import { z } from "zod";
import { checkTaskOptions, type TaskOptions } from "../protocol/task-options.ts";
import { ConfigError, didYouMean, type Problem } from "../error.ts";
import { camelOptions } from "./options.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskRequest } from "./task-request.ts";

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

const hook = z.custom<Hook>((value) => typeof value === "function", "expected a function");

const workerSchema = z.strictObject({
  bind: z.boolean(),
  params: z.array(z.string().min(1)),
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
  beforeStart: hook,
  onSuccess: hook,
  onFailure: hook,
  onRetry: hook,
  afterReturn: hook,
});

type Hook = (this: TaskContext, ...args: never) => unknown;

/** The run that a hook is called about. */
export interface TaskRun {
  readonly taskId: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly request: TaskRequest;
}

/** The same, after an error. */
export interface FailedRun extends TaskRun {
  readonly traceback: string | null;
}

/**
 * What a task wants done around its runs, Celery's handlers. They run in the process that ran the task, with its `this`,
 * and are waited for. What they throw is reported as a warning of the process and changes nothing.
 */
export interface TaskHooks {
  beforeStart?(this: TaskContext, run: TaskRun): unknown;
  onSuccess?(this: TaskContext, result: unknown, run: TaskRun): unknown;
  onFailure?(this: TaskContext, error: unknown, run: FailedRun): unknown;
  /** @param error what the retry was asked for with `exc`, else the Retry itself */
  onRetry?(this: TaskContext, error: unknown, run: FailedRun): unknown;
  /** After success and after failure. `value`: the result, or the error. */
  afterReturn?(this: TaskContext, state: string, value: unknown, run: TaskRun): unknown;
}

/** How a worker runs the task. Spans are seconds; what is left out comes from the settings, or is as in Celery. */
export interface TaskWorkerOptions {
  /** Accepted as in Celery: every function but an arrow function has the run as its `this`, bound or not. */
  readonly bind?: boolean;
  /**
   * The names of the function's parameters, in order, so that keyword arguments of Python callers reach them. Without them
   * keyword arguments come as one object after the positional arguments.
   */
  readonly params?: readonly string[];
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
export interface TaskDefinition extends BaseOptions {
  /** In place of `app.name` and the function's name. */
  readonly name?: string;
  /** Options that several tasks share, Celery's base class; the task's own win. */
  readonly base?: BaseOptions;
}

/** Options that tasks may share. */
export interface BaseOptions extends TaskPublishOptions, TaskWorkerOptions, TaskHooks {}

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

const knownNames: readonly string[] = ["name", "base", ...publishNames, ...Object.keys(workerSchema.shape)];

/**
 * The definition in camel case, its base merged into it, checked and frozen.
 *
 * @throws ConfigError with every unknown option and every bad value
 */
export function checkDefinition(task: string, written: object): TaskDefinition {
  const definition = mergeDefinitions(written);
  const worker = Object.entries(definition).filter(([name]) => Object.hasOwn(workerSchema.shape, name));
  const outcome = workerSchema.partial().safeParse(Object.fromEntries(worker));
  const problems = Object.keys(definition).flatMap((name) => unknownOption(task, name));
  for (const issue of outcome.error?.issues ?? []) {
    problems.push({
      message: `task ${task}: ${issue.path.join(".")}: ${issue.message.replace(/^Invalid input: /, "")}`,
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  checkTaskOptions(publishOptions(definition));
  return Object.freeze(definition);
}

function unknownOption(task: string, name: string): Problem[] {
  if (knownNames.includes(name)) return [];
  const near = didYouMean(name, knownNames);
  return [{ message: `task ${task} has no option ${name}`, hint: near === null ? undefined : `did you mean ${near}?` }];
}

/** One definition of several, in camel case: later ones win, and each wins over its own base. */
export function mergeDefinitions(...layers: readonly object[]): TaskDefinition {
  const merged = layers.map((written): object => {
    const { base, ...own } = camelOptions(written) as TaskDefinition;
    // Celery's null has a meaning here: retries without end.
    const { max_retries: snake, maxRetries = snake } = written as { max_retries?: unknown; maxRetries?: unknown };
    const endless = maxRetries === null ? { maxRetries } : {};
    return { ...(base === undefined ? {} : mergeDefinitions(base)), ...own, ...endless };
  });
  return Object.assign({}, ...merged) as TaskDefinition;
}

/** The part of a definition that goes into each call. */
export function publishOptions(definition: TaskDefinition): TaskPublishOptions {
  const chosen = publishNames.filter((name) => definition[name] !== undefined).map((name) => [name, definition[name]]);
  return Object.freeze(Object.fromEntries(chosen) as TaskPublishOptions);
}
