// Waiting for a result: until it is ready, the time is up, a task before it failed, or nobody wants it any more.
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { errorFromJson, readException, type RemoteError } from "../protocol/exception.ts";
import type { ExceptionJson, ResultMeta } from "../protocol/result-meta.ts";
import type { ResultBackend } from "../result/result.ts";
import { currentTask } from "./current.ts";
import type { GetOptions } from "./result-node.ts";
import { TaskRevokedError } from "./task-errors.ts";

/** The result did not come in time. */
export class TimeoutError extends LovageError {
  constructor(id: string, seconds: number, state: string) {
    super("result", `no result of task ${id} within ${seconds} s: it is ${state}`, {
      hint: state === "PENDING" ? "is a worker consuming its queue, with the same result backend?" : undefined,
    });
  }
}

export interface AwaitOptions extends GetOptions {
  /** The tasks before it in its chain. */
  readonly ancestors: readonly string[];
}

/** @throws TimeoutError; the error of an ancestor, unless `propagate` is false; the reason of the signal; LovageError */
export async function awaitReady(backend: ResultBackend, id: string, options: AwaitOptions): Promise<ResultMeta> {
  options.signal?.throwIfAborted();
  const ending = new AbortController();
  const abort = (): void => ending.abort();
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    const meta = await firstOf(backend, id, options, ending.signal);
    options.signal?.throwIfAborted();
    if (meta !== null) return meta;
    throw new LovageError("result", `the result backend ${backend.url} was closed`);
  } finally {
    options.signal?.removeEventListener("abort", abort);
    ending.abort();
  }
}

function firstOf(
  backend: ResultBackend,
  id: string,
  { timeout = null, propagate = true, onMessage, ancestors }: AwaitOptions,
  signal: AbortSignal,
): Promise<ResultMeta | null> {
  let state = "PENDING";
  const onMeta = (meta: ResultMeta): void => {
    state = meta.state;
    onMessage?.(meta);
  };
  const late = timeOut(timeout, signal, (seconds) => new TimeoutError(id, seconds, state));
  const failed = propagate ? ancestors.map((ancestor) => failureOf(backend, ancestor, signal)) : [];
  return Promise.race([backend.wait(id, { signal, onMeta }), late, ...failed]);
}

/** The error of a meta that tells of one. What is no exception of Celery's is its only argument. */
export function errorOf({ state, result, traceback }: ResultMeta): RemoteError | TaskRevokedError | null {
  if (state !== "FAILURE" && state !== "REVOKED" && state !== "RETRY") return null;
  const read = readException(result);
  if (state === "REVOKED") return revokedError(read ?? exceptionOf("TaskRevokedError", result ?? "revoked"), traceback);
  if (read !== null) return errorFromJson(read, traceback);
  return state === "RETRY" ? null : errorFromJson(exceptionOf("Exception", result ?? "failure"), traceback);
}

function exceptionOf(type: string, arg: unknown): ExceptionJson {
  return { exc_type: type, exc_message: [arg], exc_module: "celery.exceptions" };
}

/** Of the class that is exported here, where it has a reason that Celery's workers give. */
function revokedError(json: ExceptionJson, traceback: string | null): RemoteError | TaskRevokedError {
  const reason = reasons.find((known) => known === json.exc_message[0]);
  const isPlain = json.exc_type === "TaskRevokedError" && reason !== undefined;
  return isPlain ? new TaskRevokedError(reason) : errorFromJson(json, traceback);
}

const reasons = ["revoked", "expired", "terminated"] as const;

/** Waiting for one another, all processes of a worker may end up waiting. */
export function refuseInsideTask(id: string, { disableSyncSubtasks = true }: GetOptions): void {
  if (!disableSyncSubtasks || currentTask() === undefined) return;
  throw new LovageError("result", `a task must not wait for the result of another (${id})`, {
    hint: "link them in a chain or with a callback; or, where no worker can run dry, get({ disableSyncSubtasks: false })",
  });
}

/** Rejects when the time is up; else it never settles. */
async function timeOut(seconds: number | null, signal: AbortSignal, late: (seconds: number) => Error): Promise<never> {
  if (seconds === null) return forever();
  await systemClock.sleep(Math.max(0, seconds * 1000), signal);
  return signal.aborted ? forever() : Promise.reject(late(seconds));
}

/** A task whose predecessor failed never runs. Rejects when it did; else it never settles. */
async function failureOf(backend: ResultBackend, id: string, signal: AbortSignal): Promise<never> {
  const meta = await backend.wait(id, { signal });
  const failed = meta !== null && (meta.state === "FAILURE" || meta.state === "REVOKED");
  return failed ? Promise.reject(errorOf(meta)) : forever();
}

/** One of its own for each wait: what waits on a promise is kept for as long as the promise. */
function forever(): Promise<never> {
  return new Promise(() => undefined);
}
