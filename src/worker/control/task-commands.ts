// What `celery inspect` asks of tasks: those in hand, those that are revoked, and those that are known.
import type { App } from "../../app/app.ts";
import type { Task } from "../../app/task.ts";
import { camelCase } from "../../config/section/value.ts";
import { isoFormat } from "../../protocol/iso-time.ts";
import { pythonRepr } from "../../protocol/repr.ts";
import type { Request } from "../request.ts";
import type { Steering } from "../steering.ts";
import { textsArgument } from "../../remote/arguments.ts";
import { type Commands, inspect } from "./panel.ts";
import { requestInfo } from "./request-info.ts";

/** The priority that Celery's timer gives to every waiting task. */
const timerPriority = 6;
const shownAttributes = ["exchange", "routing_key", "rate_limit"];

const active = inspect(({ steering }, { safe }) =>
  steering.active().map((request) => requestInfo(request, steering.hostname, safe === true)),
);

const reserved = inspect(({ steering }) =>
  steering.reserved().map((request) => requestInfo(request, steering.hostname)),
);

const scheduled = inspect(({ steering }) =>
  steering.scheduled().map((request) => ({
    eta: request.etaAt === null ? null : isoFormat(request.etaAt, steering.app.conf.timezone),
    priority: timerPriority,
    request: requestInfo(request, steering.hostname),
  })),
);

const revoked = inspect(({ steering }) => [...steering.revoked()]);

const registered = inspect(({ steering }, args) => {
  const asked = textsArgument(args, "taskinfoitems");
  const attributes = asked.length === 0 ? shownAttributes : asked;
  const names = [...steering.app.tasks.keys()].filter(
    (name) => args["builtins"] === true || !name.startsWith("celery."),
  );
  return names.sort().map((name) => describeTask(name, attributes, steering));
});

const queryTask = inspect(({ steering }, args) => {
  const found = textsArgument(args, "ids")
    .map((id) => steering.find(id))
    .filter((request) => request !== undefined);
  return Object.fromEntries(
    found.map((request) => [request.id, [stateOf(request), requestInfo(request, steering.hostname)]]),
  );
});

export const taskCommands: Commands = Object.freeze({
  active,
  dump_active: active,
  reserved,
  dump_reserved: reserved,
  scheduled,
  dump_schedule: scheduled,
  revoked,
  dump_revoked: revoked,
  registered,
  dump_tasks: registered,
  query_task: queryTask,
});

/** Celery's words; it calls ready what waits for its eta. */
function stateOf({ stage }: Request): string {
  if (stage === "active") return "active";
  return stage === "received" ? "reserved" : "ready";
}

/** `proj.add [rate_limit=10/m]` */
function describeTask(name: string, attributes: readonly string[], steering: Steering): string {
  const task = steering.app.tasks.get(name);
  if (task === undefined) return name;
  const shown = attributes
    .map((attribute) => [attribute, attributeOf(task, attribute, steering)] as const)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([attribute, value]) => `${attribute}=${typeof value === "string" ? value : pythonRepr(value)}`);
  return shown.length === 0 ? name : `${name} [${shown.join(" ")}]`;
}

function attributeOf(task: Task, attribute: string, steering: Steering): unknown {
  const name = camelCase(attribute);
  if (name === "name") return task.name;
  if (name === "rateLimit") return steering.rateLimitOf(task.name);
  const options: Readonly<Record<string, unknown>> = { ...standardOptions(steering.app), ...task.options };
  const value = Object.hasOwn(options, name) ? options[name] : undefined;
  return Array.isArray(value) || typeof value === "function" ? undefined : value;
}

/** What a task is that says nothing else. */
function standardOptions({ conf }: App): Readonly<Record<string, unknown>> {
  return {
    serializer: conf.taskSerializer,
    compression: conf.taskCompression,
    ignoreResult: conf.taskIgnoreResult,
    trackStarted: conf.taskTrackStarted,
    acksLate: conf.taskAcksLate,
    acksOnFailureOrTimeout: conf.taskAcksOnFailureOrTimeout,
    rejectOnWorkerLost: conf.taskRejectOnWorkerLost,
    storeErrorsEvenIfIgnored: conf.taskStoreErrorsEvenIfIgnored,
    timeLimit: conf.taskTimeLimit,
    softTimeLimit: conf.taskSoftTimeLimit,
    maxRetries: 3,
    defaultRetryDelay: 180,
  };
}
