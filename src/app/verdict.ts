// What came of a run, judged as Celery judges it: a result, an error, a retry, or a task that speaks for itself.
import type { Clock, Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { exceptionJson, exceptionRepr, tracebackOf } from "../protocol/exception.ts";
import { writeJson } from "../protocol/json-writer.ts";
import type { ExceptionJson } from "../protocol/result-meta.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { asRetry } from "./auto-retry.ts";
import { type Settled, wasTerminated } from "./run-to-end.ts";
import type { LiveContext } from "./task-context.ts";
import type { ErrorClass } from "./task-definition.ts";
import { EncodeError, isTaskError, type Retry } from "./task-errors.ts";
import type { Task } from "./task.ts";

export type Verdict = Succeeded | Failed | ToRetry | Unreported;

export interface Succeeded {
  readonly state: "SUCCESS";
  readonly value: unknown;
  readonly resultText: string;
}

/** An error, and what is told of it. */
interface Described {
  readonly error: unknown;
  readonly exception: ExceptionJson;
  readonly exceptionRepr: string;
  readonly traceback: string | null;
}

export interface Failed extends Described {
  readonly state: "FAILURE";
  /** One of the task's `throws`. */
  readonly expected: boolean;
}

export interface ToRetry extends Described {
  readonly state: "RETRY";
  readonly etaAt: Instant;
  /** Undefined: as they were. */
  readonly args: readonly unknown[] | undefined;
  readonly kwargs: Readonly<Record<string, unknown>> | undefined;
  /** The JSON text of `[args, kwargs]`, where either is new. */
  readonly argumentsText: string | undefined;
  readonly options: TaskOptions;
}

type Unreported =
  | { readonly state: "IGNORED" }
  | { readonly state: "REJECTED"; readonly requeue: boolean; readonly reason: string }
  | { readonly state: "REVOKED" };

/** A task in the course of a run. */
export interface TaskInRun {
  readonly task: Task;
  readonly context: LiveContext;
}

export function verdictOf(settled: Settled, run: TaskInRun, clock: Clock): Verdict {
  return settled.isDone ? succeed(settled.value, run) : judge(settled.error, run, clock);
}

function succeed(value: unknown, { task }: TaskInRun): Verdict {
  try {
    return { state: "SUCCESS", value, resultText: writeJson(value ?? null, "result") };
  } catch (error) {
    const hint = error instanceof LovageError && error.hint !== undefined ? ` (${error.hint})` : "";
    const reason = error instanceof Error ? error.message : String(error);
    return fail(new EncodeError(`the result of ${task.name} cannot be sent: ${reason}${hint}`), []);
  }
}

function judge(thrown: unknown, run: TaskInRun, clock: Clock): Verdict {
  const { task, context } = run;
  if (wasTerminated(thrown, context)) return { state: "REVOKED" };
  const error = asRetry(thrown, context, task.options);
  if (isTaskError(error, "Reject")) return { state: "REJECTED", requeue: error.requeue, reason: error.message };
  if (isTaskError(error, "Ignore")) return { state: "IGNORED" };
  if (isTaskError(error, "Retry")) return retry(error, run, clock);
  return fail(error, task.options.throws ?? []);
}

function fail(error: unknown, throws: readonly ErrorClass[]): Failed {
  return { state: "FAILURE", expected: throws.some((expected) => error instanceof expected), ...describe(error) };
}

/** A Retry that the task has made by itself, without `this.retry`, waits as long as any other. */
function retry(asked: Retry, { task, context }: TaskInRun, clock: Clock): Verdict {
  const { args, kwargs, options } = asked;
  const delay = task.options.defaultRetryDelay ?? 180;
  try {
    return {
      state: "RETRY",
      etaAt: asked.etaAt ?? clock.now() + delay * 1000,
      args,
      kwargs,
      argumentsText: args === undefined && kwargs === undefined ? undefined : argumentsText(asked, context),
      options,
      ...describe(asked.exc ?? asked),
    };
  } catch (error) {
    return fail(error, []);
  }
}

function argumentsText({ args, kwargs }: Retry, { request }: LiveContext): string {
  return `[${writeJson(args ?? request.args, "args")}, ${writeJson(kwargs ?? request.kwargs, "kwargs")}]`;
}

function describe(error: unknown): Described {
  const exception = exceptionJson(error);
  return { error, exception, exceptionRepr: exceptionRepr(exception), traceback: tracebackOf(error) };
}
