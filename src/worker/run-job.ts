// Runs one job in this process: reads its body, finds its task, runs it, and puts what came of it into plain data.
import type { App } from "../app/app.ts";
import { type Ending, execute } from "../app/execute.ts";
import { NotRegistered } from "../app/task-errors.ts";
import { createTaskRequest } from "../app/task-request.ts";
import type { OnStop } from "../app/run-to-end.ts";
import type { Task } from "../app/task.ts";
import type { ToRetry } from "../app/verdict.ts";
import type { Clock, Instant } from "../clock.ts";
import { type Embed, readBodyText, type TaskBody } from "../protocol/body.ts";
import { exceptionJson, exceptionRepr, tracebackOf } from "../protocol/exception.ts";
import { saferepr } from "../protocol/saferepr.ts";
import type { Failure, Job, Outcome } from "./job.ts";

export interface RunHooks {
  /** The task's function is about to be called. */
  onStart(pid: number, at: Instant): void;
  /** `this.updateState(state, meta)`; the meta as JSON text. */
  onState(state: string, metaText: string): void;
  /** Takes what is to be called when the task is to come to an end. */
  readonly onStop?: OnStop;
  readonly clock: Clock;
}

/** What came of the job. Never rejects: a body that cannot be read and a task that throws are outcomes too. */
export async function runJob(app: App, job: Job, hooks: RunHooks): Promise<Outcome> {
  try {
    const task = app.tasks.get(job.task);
    if (task === undefined) return failure(job, new NotRegistered(job.task), hooks.clock);
    const body = bodyOf(job);
    if ("problem" in body) return { ...failure(job, body.problem, hooks.clock), traceback: null, cause: "unreadable" };
    const ending = await run({ app, task, job, body }, hooks);
    return outcomeOf(ending, job, body.embed);
  } catch (error) {
    return failure(job, error, hooks.clock);
  }
}

function bodyOf({ body, id }: Job): TaskBody | { readonly problem: unknown } {
  try {
    return readBodyText(body, id);
  } catch (problem) {
    return { problem };
  }
}

interface ReadJob {
  readonly app: App;
  readonly task: Task;
  readonly job: Job;
  readonly body: TaskBody;
}

function run({ app, task, job, body }: ReadJob, hooks: RunHooks): Promise<Ending> {
  const timezone = timezoneOf(app);
  return execute({
    app,
    task,
    request: createTaskRequest({ message: job, body, isEager: false, calledDirectly: false, timezone }),
    softTimeLimitMs: job.softTimeLimitMs,
    onStop: hooks.onStop,
    clock: hooks.clock,
    timezone,
    onStart: (at) => hooks.onStart(process.pid, at),
    onState: (state, metaText) => hooks.onState(state, metaText),
  });
}

/** Settings do not change while a worker runs. */
const timezones = new WeakMap<App, string>();

function timezoneOf(app: App): string {
  const known = timezones.get(app);
  if (known !== undefined) return known;
  const { timezone } = app.conf;
  timezones.set(app, timezone);
  return timezone;
}

/** The spread comes last: a property that is new after one costs Node more than all else that is done here. */
function outcomeOf({ verdict, startedAt, runtimeMs, children, isAbandoned }: Ending, job: Job, embed: Embed): Outcome {
  const ended = { id: job.id, pid: process.pid, startedAt, runtimeMs, children };
  const followed = isEmpty(embed) ? ended : { embed, ...ended };
  const more = isAbandoned ? { abandoned: true, ...followed } : followed;
  switch (verdict.state) {
    case "SUCCESS":
      return { state: "SUCCESS", resultText: verdict.resultText, resultRepr: saferepr(verdict.value), ...more };
    case "FAILURE":
      return { state: "FAILURE", expected: verdict.expected, ...errorOf(verdict), ...more };
    case "RETRY":
      return { state: "RETRY", ...errorOf(verdict), ...nextRun(verdict), ...more };
    case "REJECTED":
      return { state: "REJECTED", requeue: verdict.requeue, reason: verdict.reason, ...more };
    case "REVOKED":
      return { state: "REVOKED", reason: "terminated", signal: "SIGTERM", ...more };
    case "IGNORED":
    default:
      return { state: "IGNORED", ...more };
  }
}

type Described = Pick<Failure, "exception" | "exceptionRepr" | "traceback">;

function errorOf({ exception, exceptionRepr, traceback }: Described): Described {
  return { exception, exceptionRepr, traceback };
}

function nextRun({ etaAt, options, argumentsText }: ToRetry) {
  return { etaAt, options, ...(argumentsText === undefined ? {} : { argumentsText }) };
}

function isEmpty({ callbacks, errbacks, chain, chord }: Embed): boolean {
  return callbacks === null && errbacks === null && chain === null && chord === null;
}

/** The failure of a job whose task did not run. */
function failure({ id }: Job, error: unknown, clock: Clock): Failure {
  const exception = exceptionJson(error);
  return {
    id,
    state: "FAILURE",
    pid: process.pid,
    startedAt: clock.now(),
    runtimeMs: 0,
    children: [],
    exception,
    exceptionRepr: exceptionRepr(exception),
    traceback: tracebackOf(error),
    expected: false,
  };
}
