// From a call to its envelope, with everything that tasks, routes and settings add to it.
import { hostname } from "node:os";
import { randomUUID } from "node:crypto";
import type { Instant } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { createEnvelope, type TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { mergeOptions } from "./options.ts";
import { createRouter, type Router, type RoutingSettings } from "./routes.ts";
import { publishOptions } from "./task-definition.ts";
import type { Task } from "./task.ts";

/** Makes envelopes by the settings as they were when it was made. */
export type EnvelopeMaker = (call: TaskCall, at: Instant, task?: Task) => Envelope;

/** A UUID of this process: where replies to its calls would go. */
const replyTo = randomUUID();

/** @throws ConfigError when routes or queues are not in order */
export function createEnvelopeMaker(configuration: Configuration): EnvelopeMaker {
  const route = createRouter(routingSettings(configuration));
  const defaults = defaultOptions(configuration);
  const timezone = configuration.get("timezone");
  const origin = `gen${process.pid}@${hostname()}`;
  return (call, at, task) => {
    const { options, destination } = routeCall(route, call, task);
    const whole = { ...call, options: mergeOptions(defaults, options) };
    return createEnvelope(whole, { now: at, origin, replyTo, timezone, destination, newId: randomUUID });
  };
}

function routeCall(route: Router, call: TaskCall, task: Task | undefined) {
  const { task: name, args, kwargs } = call;
  const options = task === undefined ? call.options : mergeOptions(publishOptions(task.options), call.options);
  return route({ name, args, kwargs, options: mergeOptions(options), task });
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
