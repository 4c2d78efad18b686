// Under `taskAlwaysEager`: a call runs in its caller's process, by the same steps as in a worker, and nothing is sent.
import { hostname } from "node:os";
import { type Family, followFailure, followSuccess } from "../canvas/continue.ts";
import { type Clock, systemClock } from "../clock.ts";
import { type Embed, readBody, type TaskBody } from "../protocol/body.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { ResultRecord } from "../protocol/result-meta.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { ResultBackend } from "../result/result.ts";
import type { App } from "./app.ts";
import { AsyncResult, type KnownOutcome } from "./async-result.ts";
import { type Ending, execute } from "./execute.ts";
import { createTaskRequest, type RequestMessage, type TaskRequest } from "./task-request.ts";
import type { Task } from "./task.ts";
import type { Verdict } from "./verdict.ts";

export interface EagerCall {
  readonly app: App;
  readonly task: Task;
  /** The message that would have been sent. */
  readonly envelope: Envelope;
  /** Makes the calls that follow. */
  readonly call: (call: TaskCall) => Promise<unknown>;
}

/**
 * Runs the call to its end, its retries at once, and gives a result that knows it.
 *
 * @throws what the task threw, under `taskEagerPropagates`
 */
export async function runEagerly(eager: EagerCall): Promise<AsyncResult> {
  const { app, task, envelope } = eager;
  const body = readBody(envelope);
  const { request, ending } = await runWithRetries(eager, body, systemClock);
  const { verdict } = ending;
  if (verdict.state === "FAILURE" && app.conf.taskEagerPropagates) throw verdict.error;
  for (const next of followers(verdict, body.embed, request, app)) await eager.call(next);
  if (app.conf.taskStoreEagerResult && !request.ignoreResult) await store(await app.backend(), request, ending);
  return AsyncResult.resolved(envelope.id, outcomeOf(verdict), task.name);
}

interface Eager {
  readonly request: TaskRequest;
  readonly ending: Ending;
}

async function runWithRetries(eager: EagerCall, body: TaskBody, clock: Clock): Promise<Eager> {
  for (let retries = 0, { args, kwargs } = body; ; retries += 1) {
    const request = requestOf(eager, { ...body, args, kwargs }, retries);
    const ending = await executeOnce(eager, request, clock);
    const { verdict } = ending;
    if (verdict.state !== "RETRY") return { request, ending };
    args = verdict.args ?? args;
    kwargs = verdict.kwargs ?? kwargs;
  }
}

function executeOnce({ app, task }: EagerCall, request: TaskRequest, clock: Clock): Promise<Ending> {
  return execute({
    app,
    task,
    request,
    softTimeLimitMs: null,
    clock,
    timezone: app.conf.timezone,
    onStart: () => undefined,
    onState: () => undefined,
  });
}

function requestOf({ app, task, envelope }: EagerCall, body: TaskBody, retries: number): TaskRequest {
  const { destination, properties, headers, id } = envelope;
  const { exchange, routingKey, queue = routingKey } = destination;
  const message: RequestMessage = {
    id,
    task: task.name,
    headers: retries === 0 ? headers : { ...headers, retries },
    delivery: { ...properties, exchange, routingKey, queue, redelivered: false },
    hostname: hostname(),
    timeLimitMs: null,
    softTimeLimitMs: null,
  };
  return createTaskRequest({ message, body, isEager: true, calledDirectly: false, timezone: app.conf.timezone });
}

function followers(verdict: Verdict, embed: Embed, request: TaskRequest, app: App): readonly TaskCall[] {
  const priority = app.conf.taskInheritParentPriority ? { priority: request.deliveryInfo.priority } : {};
  const family: Family = { id: request.id, rootId: request.rootId, ...priority };
  if (verdict.state === "SUCCESS") return followSuccess(embed, verdict.resultText, family);
  return verdict.state === "FAILURE" ? followFailure(embed, family) : [];
}

function outcomeOf(verdict: Verdict): KnownOutcome {
  const { state } = verdict;
  if (state === "SUCCESS") return { state, value: verdict.value };
  return "error" in verdict ? { state, error: verdict.error, traceback: verdict.traceback } : { state };
}

async function store(backend: ResultBackend | null, request: TaskRequest, ending: Ending): Promise<void> {
  const { verdict, children, startedAt, runtimeMs } = ending;
  const { state } = verdict;
  if (state !== "SUCCESS" && state !== "FAILURE") return;
  const record: ResultRecord = {
    taskId: request.id,
    state,
    resultText: state === "SUCCESS" ? verdict.resultText : JSON.stringify(verdict.exception),
    traceback: state === "SUCCESS" ? null : verdict.traceback,
    children,
    doneAt: startedAt + runtimeMs,
    groupId: request.group,
    parentId: request.parentId,
  };
  await backend?.put([record]);
}
