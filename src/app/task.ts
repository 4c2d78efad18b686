// A task as the project sees it: its own function to call, and the ways to have it called elsewhere.
import { LovageError } from "../error.ts";
import { Signature } from "../protocol/signature.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import type { AsyncResult } from "./async-result.ts";
import { camelOptions } from "./options.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskDefinition } from "./task-definition.ts";

type Kwargs = Readonly<Record<string, unknown>>;

/** All of the arguments, or the last of them: what is missing is put before them when the signature is called. */
export type LastArguments<Args extends readonly unknown[]> =
  | Args
  | (Args extends readonly [unknown, ...infer Rest] ? LastArguments<Rest> : readonly []);

/**
 * A registered task. Calling it runs its function here and now; the other ways send a message for a worker to run it.
 */
export interface Task<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  (...args: Args): Result;
  /** The name workers know it by. */
  readonly name: string;
  /** Its options, with what `taskAnnotations` says about it. */
  readonly options: TaskDefinition;
  /** The function that was registered. */
  readonly run: (this: TaskContext, ...args: Args) => Result;
  /** Sends a call: `add.delay(2, 2)`. */
  delay(...args: Args): Promise<ResultOf<Result>>;
  /**
   * Sends a call with options: `add.applyAsync([2, 2], { countdown: 10 })`.
   *
   * @throws LovageError when an option is unknown or wrong, or the broker stays out of reach
   */
  applyAsync(args?: Args, options?: TaskOptions): Promise<ResultOf<Result>>;
  /** The same with keyword arguments, for tasks that are written in Python. */
  applyAsync(args: readonly unknown[], kwargs: Kwargs, options: TaskOptions): Promise<ResultOf<Result>>;
  /** A signature: this call as a value, to be sent later, linked or scheduled. */
  s(...args: LastArguments<Args>): Signature<ResultOf<Result>>;
  /** A signature that takes no further arguments, such as the result of the task before it. */
  si(...args: LastArguments<Args>): Signature<ResultOf<Result>>;
  /** A signature with options: `add.signature([2, 2], {}, { queue: "queue1" })`. */
  signature(args?: LastArguments<Args>, kwargs?: Kwargs, options?: TaskOptions): Signature<ResultOf<Result>>;
}

/** The handle of a call of a function that gives `Result`. */
export type ResultOf<Result> = AsyncResult<Awaited<Result>>;

export interface TaskParts<Args extends readonly unknown[], Result> {
  readonly name: string;
  readonly run: (this: TaskContext, ...args: Args) => Result;
  /** Asked each time: settings may change them. */
  readonly options: () => TaskDefinition;
  readonly send: (call: TaskCall) => Promise<AsyncResult>;
  /** The `this` of a call as a function. */
  readonly context: (args: Args) => TaskContext;
}

export function createTask<Args extends readonly unknown[], Result>(
  parts: TaskParts<Args, Result>,
): Task<Args, Result> {
  const { name, run, options, send, context } = parts;
  const sign = (args: readonly unknown[], kwargs: Kwargs = {}, given: TaskOptions = {}, immutable = false) =>
    new Signature<AsyncResult>({ task: name, args, kwargs, options: camelOptions(given), immutable }, send);
  const task = (...args: Args): Result => run.apply(context(args), args as unknown as Args & unknown[]);
  const members = {
    run,
    delay: (...args: Args) => send({ task: name, args, kwargs: {}, options: {} }),
    // Async, so that a mistake in the call rejects like one in the sending.
    applyAsync: async (...call: readonly [args?: readonly unknown[], second?: object, third?: TaskOptions]) =>
      send(readCall(name, ...call)),
    s: (...args: readonly unknown[]) => sign(args),
    si: (...args: readonly unknown[]) => sign(args, {}, {}, true),
    signature: (args: readonly unknown[] = [], kwargs?: Kwargs, given?: TaskOptions) => sign(args, kwargs, given),
  };
  // `name` is the one property of a function that assignment cannot change.
  Object.defineProperty(task, "name", { value: name });
  Object.defineProperty(task, "options", { get: options, enumerable: true });
  return Object.assign(task, members) as unknown as Task<Args, Result>;
}

/** Two arguments are args and options, three have kwargs between them. */
function readCall(task: string, args: readonly unknown[] = [], second: object = {}, third?: TaskOptions): TaskCall {
  if (!Array.isArray(args)) {
    const hint = "write applyAsync([2, 2]), or delay(2, 2)";
    throw new LovageError("config", `the args of ${task} should be a list`, { hint });
  }
  if (third === undefined) return { task, args, kwargs: {}, options: camelOptions(second) };
  return { task, args, kwargs: second as Kwargs, options: camelOptions(third) };
}
