// Settings of tasks and of where their messages go.
import { z } from "zod";
import {
  camelKeys,
  count,
  deliveryMode,
  exchangeType,
  flag,
  optionalFlag,
  optionalSeconds,
  optionalText,
  options,
  priority,
  seconds,
  text,
} from "./value.ts";

/** Seconds between the attempts to publish: `start`, then `step` more each time, never more than `start + max`. */
export interface RetryPolicy {
  /** Attempts after the first; null: without end. */
  readonly maxRetries: number | null;
  readonly intervalStart: number;
  readonly intervalStep: number;
  readonly intervalMax: number;
}

const retryPolicy = z.preprocess(
  camelKeys,
  z.strictObject({
    maxRetries: count.nullable().default(3),
    intervalStart: seconds.default(0),
    intervalStep: seconds.default(0.2),
    intervalMax: seconds.default(1),
  }),
);

/** Checks a policy, or a part of one; what it leaves out is Celery's default. */
export function checkRetryPolicy(value: unknown): RetryPolicy {
  return retryPolicy.parse(value);
}

/** A queue as `taskQueues` declares it; what is left out comes from the `taskDefault...` settings. */
export interface QueueDefinition {
  readonly name: string;
  readonly exchange?: string | undefined;
  readonly exchangeType?: "direct" | "topic" | "fanout" | undefined;
  readonly routingKey?: string | undefined;
  readonly deliveryMode?: 1 | 2 | undefined;
  readonly queueArguments?: Readonly<Record<string, unknown>> | undefined;
}

const queue = z.preprocess(
  (value) => {
    if (typeof value === "string") return { name: value };
    const { bindingKey, ...rest } = (camelKeys(value) ?? {}) as Record<string, unknown>;
    return bindingKey === undefined ? rest : { routingKey: bindingKey, ...rest };
  },
  z.strictObject({
    name: text.min(1),
    exchange: text.optional(),
    exchangeType: exchangeType.optional(),
    routingKey: text.optional(),
    deliveryMode: deliveryMode.optional(),
    queueArguments: options.optional(),
  }),
);

/** Celery takes a list of queues, or an object of definitions by name. */
const queues = z.preprocess((value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.entries(value).map(([name, definition]) => ({ name, ...(definition as object | null) }));
}, z.array(queue));

/** Routes are functions, patterns and objects: `app/routes` reads them, here only the outermost shape is checked. */
const routes = z.custom<object>((value) => typeof value === "object" || typeof value === "function", {
  error: "expected an object of routes by task name, a list, or a function",
});

export const task = {
  /** `{ "proj.add": "queue1", "feeds.*": { queue: "feeds" } }`, a list of such, or a function. */
  taskRoutes: routes.nullable().default(null),
  /** The queues that are known; null: only the default one. */
  taskQueues: queues.nullable().default(null),
  /** Whether a queue that is not in `taskQueues` may be used. */
  taskCreateMissingQueues: flag.default(true),
  /** The type of exchange of a queue made so; null: direct. */
  taskCreateMissingQueueExchangeType: exchangeType.nullable().default(null),
  taskDefaultQueue: text.min(1).default("celery"),
  /** The exchange of queues that name none; null: called as the default queue. */
  taskDefaultExchange: optionalText,
  taskDefaultExchangeType: exchangeType.default("direct"),
  /** null: the name of the default queue. */
  taskDefaultRoutingKey: optionalText,
  /** 2 (persistent) or 1 (transient), or these words. */
  taskDefaultDeliveryMode: deliveryMode.default(2),
  /** Redis: 0 is the most urgent; RabbitMQ: 9 is. */
  taskDefaultPriority: priority.nullable().default(null),
  taskInheritParentPriority: flag.default(false),
  /** Retry publishing when the connection to the broker is lost. */
  taskPublishRetry: flag.default(true),
  taskPublishRetryPolicy: retryPolicy.default(() => checkRetryPolicy({})),
  taskSerializer: text.default("json"),
  /** `gzip`, `zlib` and the like; null: none. */
  taskCompression: optionalText,
  /** Version of the message format. */
  taskProtocol: z.literal(2, { error: "expected 2: it is the only one that is spoken" }).default(2),
  taskIgnoreResult: flag.default(false),
  /** Keep the error of a task whose result is ignored. */
  taskStoreErrorsEvenIfIgnored: flag.default(false),
  /** Calls run at once, in the caller's process, and nothing is sent. */
  taskAlwaysEager: flag.default(false),
  taskEagerPropagates: flag.default(false),
  taskStoreEagerResult: flag.default(false),
  /** Seconds after which a worker kills the task. */
  taskTimeLimit: optionalSeconds,
  /** Seconds after which the task is told to come to an end. */
  taskSoftTimeLimit: optionalSeconds,
  /** Acknowledge after the run instead of before. */
  taskAcksLate: flag.default(false),
  taskAcksOnFailureOrTimeout: flag.default(true),
  taskRejectOnWorkerLost: optionalFlag,
  /** Report the state STARTED. */
  taskTrackStarted: flag.default(false),
  /** `10/s`, `100/m`, `5/h`. */
  taskDefaultRateLimit: optionalText,
  /** Options by task name or glob, laid over those of the task itself. */
  taskAnnotations: z
    .union([options, z.array(options)])
    .nullable()
    .default(null),
  /** Send a `task-sent` event with each call. */
  taskSendSentEvent: flag.default(false),
} satisfies z.ZodRawShape;
