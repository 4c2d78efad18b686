// Tells those who want to know that a run begins and how it ended: the task's own hooks, then the signals.
import type { FailedRun, TaskRun } from "./task-definition.ts";
import type { Failed, Succeeded, TaskInRun, ToRetry, Verdict } from "./verdict.ts";
import { signals, type TaskPayload, warnOf } from "./worker-signals.ts";

export async function reportStart(run: TaskInRun): Promise<void> {
  if (signals.taskPrerun.isConnected) await signals.taskPrerun.send(payloadOf(run));
  const { options } = run.task;
  if (options.beforeStart) await callHook("beforeStart", run, () => options.beforeStart?.call(run.context, runOf(run)));
}

export async function reportEnd(verdict: Verdict, run: TaskInRun): Promise<void> {
  if (verdict.state === "SUCCESS") await reportSuccess(verdict, run);
  else if (verdict.state === "FAILURE") await reportFailure(verdict, run);
  else if (verdict.state === "RETRY") await reportRetry(verdict, run);
  const { options } = run.task;
  if (options.afterReturn && (verdict.state === "SUCCESS" || verdict.state === "FAILURE")) {
    const returned = [verdict.state, valueOf(verdict), runOf(run)] as const;
    await callHook("afterReturn", run, () => options.afterReturn?.call(run.context, ...returned));
  }
  if (!signals.taskPostrun.isConnected) return;
  await signals.taskPostrun.send({ ...payloadOf(run), state: verdict.state, retval: valueOf(verdict) });
}

async function reportSuccess({ value: result }: Succeeded, run: TaskInRun): Promise<void> {
  const { options } = run.task;
  if (options.onSuccess) {
    await callHook("onSuccess", run, () => options.onSuccess?.call(run.context, result, runOf(run)));
  }
  if (signals.taskSuccess.isConnected) await signals.taskSuccess.send({ ...payloadOf(run), result });
}

async function reportFailure({ error, traceback }: Failed, run: TaskInRun): Promise<void> {
  const { options } = run.task;
  if (options.onFailure) {
    await callHook("onFailure", run, () => options.onFailure?.call(run.context, error, failedRun(run, traceback)));
  }
  if (signals.taskFailure.isConnected) await signals.taskFailure.send({ ...payloadOf(run), error, traceback });
}

async function reportRetry({ error, traceback, etaAt }: ToRetry, run: TaskInRun): Promise<void> {
  const { options } = run.task;
  if (options.onRetry) {
    await callHook("onRetry", run, () => options.onRetry?.call(run.context, error, failedRun(run, traceback)));
  }
  if (signals.taskRetry.isConnected) await signals.taskRetry.send({ ...payloadOf(run), error, etaAt });
}

async function callHook(name: string, { task }: TaskInRun, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    warnOf(`${name} of the task ${task.name}`, error);
  }
}

function runOf({ context: { request } }: TaskInRun): TaskRun {
  return { taskId: request.id, args: request.args, kwargs: request.kwargs, request };
}

function failedRun(run: TaskInRun, traceback: string | null): FailedRun {
  return { ...runOf(run), traceback };
}

function payloadOf(run: TaskInRun): TaskPayload {
  return { sender: run.task.name, task: run.task, ...runOf(run) };
}

function valueOf(verdict: Verdict): unknown {
  if (verdict.state === "SUCCESS") return verdict.value;
  return "error" in verdict ? verdict.error : null;
}
