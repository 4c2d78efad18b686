// From a call to its envelope, with everything that tasks, routes and settings add to it.
import { hostname } from "node:os";
import { randomUUID } from "node:crypto";
import type { Instant } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { createEnvelope, type TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { mergeOptions } from "./options.ts";
import { createRouter, type Routed, type Router, type RoutingSettings } from "./routes.ts";
import { publishOptions } from "./task-definition.ts";
import type { Task } from "./task.ts";

/** Makes envelopes by the settings as they were when it was made. */
export interface EnvelopeMaker {
  (call: TaskCall, at: Instant, task?: Task): Envelope;
  /** Whether calls of one task with the same options all go the same way, whatever their arguments. */
  readonly isStatic: boolean;
}

/** A UUID of this process: where replies to its calls would go. */
const replyTo = randomUUID();

/** @throws ConfigError when routes or queues are not in order */
export function createEnvelopeMaker(configuration: Configuration): EnvelopeMaker {
  const router = createRouter(routingSettings(configuration));
  const route = createRouteFinder(router, defaultOptions(configuration));
  const timezone = configuration.get("timezone");
  const origin = `gen${process.pid}@${hostname()}`;
  const make = (call: TaskCall, at: Instant, task?: Task): Envelope => {
    const { options, destination } = route(call, task);
    const context = { now: at, origin, replyTo, timezone, destination, newId: randomUUID };
    return createEnvelope({ task: call.task, args: call.args, kwargs: call.kwargs, options }, context);
  };
  return Object.assign(make, { isStatic: router.isStatic });
}

type RouteFinder = (call: TaskCall, task: Task | undefined) => Routed;

/** Beyond this many different ones the cache starts over: names of tasks may come from anywhere. */
const cacheSize = 10_000;

/**
 * Calls of one task to one queue go the same way, and beat makes them by the ten thousand; so what they have in common
 * is worked out once.
 */
function createRouteFinder(router: Router, defaults: TaskOptions): RouteFinder {
  const known = new Map<string, Routed & { readonly task: Task | undefined }>();
  return (call, task) => {
    const { queue, exchange, exchangeType, routingKey } = call.options;
    if (!router.isStatic || exchange !== undefined || exchangeType !== undefined || routingKey !== undefined) {
      return routeCall(router, call, task, defaults);
    }
    const key = queue === undefined ? call.task : `${call.task}\0${queue}`;
    let common = known.get(key);
    if (common === undefined || common.task !== task) {
      const options = queue === undefined ? {} : { queue };
      common = { ...routeCall(router, { ...call, options }, task, defaults), task };
      if (known.size >= cacheSize) known.clear();
      known.set(key, common);
    }
    return { options: mergeOptions(common.options, call.options), destination: common.destination };
  };
}

function routeCall(router: Router, call: TaskCall, task: Task | undefined, defaults: TaskOptions): Routed {
  const { task: name, args, kwargs } = call;
  const said =
    task === undefined ? mergeOptions(call.options) : mergeOptions(publishOptions(task.options), call.options);
  const { options, destination } = router.route({ name, args, kwargs, options: said, task });
  return { options: mergeOptions(defaults, options), destination };
}

function routingSettings(configuration: Configuration): RoutingSettings {
  return {
    taskRoutes: configuration.get("taskRoutes"),
    taskQueues: configuration.get("taskQueues"),
    taskCreateMissingQueues: configuration.get("taskCreateMissingQueues"),
    taskCreateMissingQueueExchangeType: configuration.get("taskCreateMissingQueueExchangeType"),
    taskDefaultQueue: configuration.get("taskDefaultQueue"),
    taskDefaultExchange: configuration.get("taskDefaultExchange"),
    taskDefaultExchangeType: configuration.get("taskDefaultExchangeType"),
    taskDefaultRoutingKey: configuration.get("taskDefaultRoutingKey"),
    taskDefaultDeliveryMode: configuration.get("taskDefaultDeliveryMode"),
  };
}

function defaultOptions(configuration: Configuration): TaskOptions {
  const priority = configuration.get("taskDefaultPriority");
  const compression = configuration.get("taskCompression");
  return {
    serializer: configuration.get("taskSerializer"),
    ignoreResult: configuration.get("taskIgnoreResult"),
    ...(priority === null ? {} : { priority }),
    ...(compression === null ? {} : { compression }),
  };
}
