// One run of a task's function, and what came of it: the same for a worker's task and for one that is run in its caller.
import type { Clock, Instant } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { ResultTuple } from "../protocol/result-meta.ts";
import type { App } from "./app.ts";
import { bindArguments } from "./arguments.ts";
import { runAs } from "./current.ts";
import { reportEnd, reportStart } from "./run-report.ts";
import { type OnStop, runToEnd } from "./run-to-end.ts";
import { LiveContext } from "./task-context.ts";
import type { Retry } from "./task-errors.ts";
import { customHeaders, type TaskRequest } from "./task-request.ts";
import type { Task } from "./task.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

export interface Execution {
  readonly app: App;
  readonly task: Task;
  readonly request: TaskRequest;
  /** Null: none. */
  readonly softTimeLimitMs: number | null;
  readonly onStop?: OnStop | undefined;
  readonly clock: Clock;
  readonly timezone: string;
  /** The function is about to be called. */
  readonly onStart: (at: Instant) => void;
  readonly onState: (state: string, metaText: string) => void;
}

/** How a run ended. */
export interface Ending {
  readonly verdict: Verdict;
  readonly startedAt: Instant;
  readonly runtimeMs: number;
  /** Tasks it has sent. */
  readonly children: readonly ResultTuple[];
  /** The function goes on, although its time is up and nobody listens any more. */
  readonly isAbandoned: boolean;
}

/** Runs the task once. Never rejects. */
export async function execute(execution: Execution): Promise<Ending> {
  const { task, clock, onStop, softTimeLimitMs } = execution;
  const context = new LiveContext(execution);
  const children: ResultTuple[] = [];
  const run = { task, context };
  return runAs({ context, children }, async () => {
    // Before what listens to the start: the time limits hold for it, too.
    const startedAt = clock.now();
    execution.onStart(startedAt);
    await reportStart(run);
    const startedMs = clock.monotonic();
    const settled = await runToEnd(() => callFunction(task, context), { context, clock, onStop, softTimeLimitMs });
    const runtimeMs = clock.monotonic() - startedMs;
    const first = verdictOf(settled, run, clock);
    const verdict = context.promisedRetry === null ? first : await keepPromise(first, context.promisedRetry, context);
    await reportEnd(verdict, run);
    return { verdict, startedAt, runtimeMs, children, isAbandoned: settled.isAbandoned };
  });
}

function callFunction(task: Task, context: LiveContext): unknown {
  const { args, kwargs } = context.request;
  const parameters = { task: task.name, names: task.options.params, required: task.run.length };
  return task.run.apply(context, [...bindArguments(parameters, args, kwargs)]);
}

/** Sends the retry of a run that went on after it; where that fails, the message is rejected, as in Celery. */
async function keepPromise(verdict: Verdict, retry: Retry, context: LiveContext): Promise<Verdict> {
  if (verdict.state === "RETRY" || context.request.isEager) return verdict;
  try {
    await sendRetry(retry, context);
    return verdict;
  } catch (error) {
    return { state: "REJECTED", requeue: false, reason: messageOf(error) };
  }
}

async function sendRetry(retry: Retry, { app, name, request }: LiveContext): Promise<void> {
  const { args = request.args, kwargs = request.kwargs, etaAt, options } = retry;
  const [timeLimit, softTimeLimit] = request.timelimit;
  const { callbacks, errbacks, chain, chord, deliveryInfo, group, groupIndex, parentId, shadow } = request;
  await app.sendTask(name, args, kwargs, {
    taskId: request.id,
    retries: request.retries + 1,
    rootId: request.rootId,
    ...withoutNull({ parentId, groupId: group, groupIndex, shadow, eta: etaAt, expires: request.expires }),
    ...withoutNull({ timeLimit, softTimeLimit, link: callbacks, linkError: errbacks, chain, chord }),
    headers: { ...customHeaders(request.headers), ...options.headers },
    replyTo: request.replyTo,
    queue: deliveryInfo.queue,
    priority: deliveryInfo.priority,
    ...options,
  });
}

function withoutNull<Value extends object>(value: Value): { [Key in keyof Value]?: NonNullable<Value[Key]> } {
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries) as { [Key in keyof Value]?: NonNullable<Value[Key]> };
}
