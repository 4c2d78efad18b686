// The request of a task as its function sees it: what the message says, under readable names.
import { instantOf, parseIso } from "../protocol/iso-time.ts";
import type { Embed, TaskBody } from "../protocol/body.ts";

export interface TaskDelivery {
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
  readonly priority: number;
  /** Somebody had the message before and did not finish. */
  readonly redelivered: boolean;
}

/** Celery's `self.request`. */
export interface TaskRequest {
  /** The task id; empty when the function was called directly. */
  readonly id: string;
  /** The task's name. */
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** How often it has been retried: 0 in the first run. */
  readonly retries: number;
  readonly eta: Date | null;
  readonly expires: Date | null;
  /** All headers of the message, those that its sender added among them. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly deliveryInfo: TaskDelivery;
  /** The worker's node name: `celery@host`. */
  readonly hostname: string;
  /** The first task of the tree that this one belongs to; its own id where it is the first. */
  readonly rootId: string;
  /** The task that sent it. */
  readonly parentId: string | null;
  readonly group: string | null;
  readonly groupIndex: number | null;
  readonly replyTo: string;
  readonly correlationId: string;
  /** Seconds; null: none. */
  readonly timelimit: readonly [hard: number | null, soft: number | null];
  readonly ignoreResult: boolean;
  /** Run in the caller's process by `taskAlwaysEager`. */
  readonly isEager: boolean;
  /** The function was called as a function; no message is behind it. */
  readonly calledDirectly: boolean;
  /** The entry of beat that sent it. */
  readonly periodicTaskName: string | null;
  /** The nominal time of that occurrence, whenever it was sent. */
  readonly scheduledAt: Date | null;
  /** `scheduled`, `missed`, `manual` or `backfill`. */
  readonly occurrence: string | null;
  /** The process that sent it: `gen<pid>@<host>`. */
  readonly origin: string | null;
  /** The name to show in logs and monitors, where the sender gave one. */
  readonly shadow: string | null;
  /** Python's repr of the arguments, as the sender wrote it. */
  readonly argsrepr: string;
  readonly kwargsrepr: string;
  /** What is to follow: signatures in Celery's wire shape. */
  readonly callbacks: Embed["callbacks"];
  readonly errbacks: Embed["errbacks"];
  readonly chain: Embed["chain"];
  readonly chord: Embed["chord"];
}

/** A message, as far as its task may see it. */
export interface RequestMessage {
  readonly id: string;
  readonly task: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly delivery: TaskDelivery & { readonly replyTo: string; readonly correlationId: string };
  readonly hostname: string;
  /** Milliseconds; null: none. */
  readonly timeLimitMs: number | null;
  readonly softTimeLimitMs: number | null;
}

/** What a request is made of. */
export interface RequestParts {
  readonly message: RequestMessage;
  readonly body: TaskBody;
  readonly isEager: boolean;
  readonly calledDirectly: boolean;
  /** What a time without an offset means. */
  readonly timezone: string;
}

export function createTaskRequest({ message, body, timezone, isEager, calledDirectly }: RequestParts): TaskRequest {
  const { id, task, headers, delivery, hostname } = message;
  const { args, kwargs, embed } = body;
  return {
    id,
    task,
    args,
    kwargs,
    retries: numberOf(headers["retries"]) ?? 0,
    eta: dateOf(headers["eta"], timezone),
    expires: dateOf(headers["expires"], timezone),
    headers,
    deliveryInfo: delivery,
    hostname,
    rootId: textOf(headers["root_id"]) ?? id,
    parentId: textOf(headers["parent_id"]),
    group: textOf(headers["group"]),
    groupIndex: numberOf(headers["group_index"]),
    replyTo: delivery.replyTo,
    correlationId: delivery.correlationId,
    timelimit: [secondsOf(message.timeLimitMs), secondsOf(message.softTimeLimitMs)],
    ignoreResult: headers["ignore_result"] === true,
    isEager,
    calledDirectly,
    periodicTaskName: textOf(headers["periodic_task_name"]),
    scheduledAt: dateOf(headers["scheduled_at"], timezone),
    occurrence: textOf(headers["occurrence"]),
    origin: textOf(headers["origin"]),
    shadow: textOf(headers["shadow"]),
    argsrepr: textOf(headers["argsrepr"]) ?? "",
    kwargsrepr: textOf(headers["kwargsrepr"]) ?? "",
    callbacks: embed.callbacks,
    errbacks: embed.errbacks,
    chain: embed.chain,
    chord: embed.chord,
  };
}

const noEmbed: Embed = Object.freeze({ callbacks: null, errbacks: null, chain: null, chord: null });

const noMessage = Object.freeze({
  id: "",
  headers: Object.freeze({}),
  delivery: Object.freeze({
    exchange: "",
    routingKey: "",
    queue: "",
    priority: 0,
    redelivered: false,
    replyTo: "",
    correlationId: "",
  }),
  hostname: "",
  timeLimitMs: null,
  softTimeLimitMs: null,
});

/** The request of a function that was called as such. */
export function directRequest(task: string, args: readonly unknown[]): TaskRequest {
  return createTaskRequest({
    message: { ...noMessage, task },
    body: { args, kwargs: {}, embed: noEmbed },
    isEager: false,
    calledDirectly: true,
    timezone: "UTC",
  });
}

/** Names of the headers that Celery and our beat write; any other is of the sender's own making. */
const protocolHeaders: ReadonlySet<string> = new Set(
  `lang task id shadow eta expires group group_index retries timelimit root_id parent_id argsrepr kwargsrepr origin
  ignore_result replaced_task_nesting stamped_headers stamps compression`.split(/\s+/),
);

/** The headers that the sender added, those of beat among them. */
export function customHeaders(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !protocolHeaders.has(name)));
}

function dateOf(value: unknown, timezone: string): Date | null {
  const time = typeof value === "string" ? parseIso(value) : null;
  return time === null ? null : new Date(Math.floor(instantOf(time, timezone)));
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function secondsOf(spanMs: number | null): number | null {
  return spanMs === null ? null : spanMs / 1000;
}
