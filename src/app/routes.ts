// Where a message goes: what the call says, then its task, then `taskRoutes`, then the defaults.
import { ConfigError, LovageError, type Problem } from "../error.ts";
import type { Destination } from "../protocol/envelope.ts";
import { checkTaskOptions, type TaskOptions } from "../protocol/task-options.ts";
import { globPattern } from "./glob.ts";
import { camelOptions, mergeOptions } from "./options.ts";
import { createQueues, type Queue, type Queues, type QueueSettings } from "./queues.ts";

/** A queue's name, or options: `{ queue: "feeds", priority: 3 }`. */
export type Route = string | Readonly<TaskOptions> | Readonly<Record<string, unknown>>;

/** Routes by the task's name or a glob (`feeds.*`). An exact name wins over globs, an earlier glob over a later one. */
export type RouteMap = Readonly<Record<string, Route>>;

/** The same in pairs, where patterns may be regular expressions too: `[[/^(video|image)\./, "media"]]`. */
export type RoutePair = readonly [pattern: string | RegExp, route: Route];

/** What a route function is asked with, in the order of Celery's routers. */
export type RouteArguments = readonly [
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  options: TaskOptions,
  /** The task, where it is one of this app's. */
  task: unknown,
];

/** Says where one call goes; null or undefined leaves it to the next router. */
export type RouteFunction = (...call: RouteArguments) => Route | null | undefined;

/** `taskRoutes`: one router, or several to be asked in turn. */
export type TaskRoutes =
  | RouteMap
  | RouteFunction
  | readonly (RouteMap | RouteFunction | RoutePair | readonly RoutePair[])[];

export interface RoutedCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The call's own options over those of its task. */
  readonly options: TaskOptions;
  /** The registered task, if there is one; routers get to see it. */
  readonly task?: unknown;
}

export interface Routed {
  readonly options: TaskOptions;
  readonly destination: Destination;
}

export interface RoutingSettings extends QueueSettings {
  readonly taskRoutes: object | null;
  readonly taskDefaultDeliveryMode: number;
}

export interface Router {
  /** Whether calls of one task to one queue all go the same way: no function has a say. */
  readonly isStatic: boolean;
  /** @throws LovageError when a queue is not known or a function gives no route */
  route(call: RoutedCall): Routed;
}

/** @throws ConfigError with every mistake in `taskRoutes` */
export function createRouter(settings: RoutingSettings): Router {
  const routers = listRouters(settings.taskRoutes as TaskRoutes | null);
  const lookups = compileRoutes(routers);
  const queues = createQueues(settings);
  const route = (call: RoutedCall): Routed => {
    const found = lookUp(lookups, call);
    const options = found === null ? call.options : mergeRoute(found, call.options);
    const destination = Object.freeze(destinationOf(options, queues));
    const queued = destination.queue === undefined ? undefined : queues.get(destination.queue).deliveryMode;
    const deliveryMode = options.deliveryMode ?? queued ?? settings.taskDefaultDeliveryMode;
    return { options: { ...options, deliveryMode }, destination };
  };
  return { isStatic: !routers.some((router) => typeof router === "function"), route };
}

type Lookup = (call: RoutedCall) => TaskOptions | null;

function lookUp(lookups: readonly Lookup[], call: RoutedCall): TaskOptions | null {
  for (const lookup of lookups) {
    const route = lookup(call);
    if (route !== null) return route;
  }
  return null;
}

const destinationNames: readonly string[] = [
  "queue",
  "exchange",
  "exchangeType",
  "routingKey",
] satisfies (keyof TaskOptions)[];

/** A call that names a queue or an exchange has said where to go: only the rest of the route applies then. */
function mergeRoute(route: TaskOptions, options: TaskOptions): TaskOptions {
  if (options.queue === undefined && options.exchange === undefined) return mergeOptions(route, options);
  const rest = Object.entries(route).filter(([name]) => !destinationNames.includes(name));
  return mergeOptions(Object.fromEntries(rest), options);
}

function destinationOf(options: TaskOptions, queues: Queues): Destination {
  const { queue, exchange, routingKey } = options;
  if (queue !== undefined) return queueDestination(queues.get(queue), options);
  if (exchange === undefined) return queueDestination(queues.default, options);
  // Through the default exchange, the routing key is the name of the queue.
  if (exchange === "") return queueDestination(routingKey === undefined ? queues.default : queues.get(routingKey), {});
  const exchangeType = options.exchangeType ?? queues.exchangeType(exchange) ?? "direct";
  return { exchange, exchangeType, routingKey: routingKey ?? queues.default.routingKey };
}

/**
 * As Celery's `send_task_message` has it: with a direct exchange the message goes straight to the queue, through the
 * default exchange and under the queue's own name, unless both exchange and routing key are given.
 */
function queueDestination(queue: Queue, { exchange = "", exchangeType, routingKey }: TaskOptions): Destination {
  const type = exchangeType ?? queue.exchangeType;
  if (type === "direct" && (exchange === "" || routingKey === undefined)) {
    return { exchange: "", exchangeType: "direct", routingKey: queue.name, queue: queue.name };
  }
  const target = exchange === "" ? queue.exchange : exchange;
  return { exchange: target, exchangeType: type, routingKey: routingKey ?? queue.routingKey, queue: queue.name };
}

/** Celery's three shapes, and a plain list of pairs. */
function listRouters(routes: TaskRoutes | null): readonly unknown[] {
  if (routes === null) return [];
  return Array.isArray(routes) && !isPairs(routes) ? routes : [routes];
}

function compileRoutes(routers: readonly unknown[]): readonly Lookup[] {
  const problems: Problem[] = [];
  const lookups = routers.map((router) => compileRouter(router, problems));
  if (problems.length > 0) throw new ConfigError(problems);
  return lookups;
}

function compileRouter(router: unknown, problems: Problem[]): Lookup {
  if (typeof router === "function") return (call) => askFunction(router as RouteFunction, call);
  if (isPair(router)) return compilePairs([router], problems);
  if (isPairs(router)) return compilePairs(router, problems);
  if (typeof router === "object" && router !== null && !Array.isArray(router)) {
    return compilePairs(Object.entries(router) as RoutePair[], problems);
  }
  const hint = "a router is an object of routes, a list of [pattern, route] pairs, or a function";
  problems.push({ message: `taskRoutes: ${JSON.stringify(router)} is no router`, hint });
  return () => null;
}

function isPair(value: unknown): value is RoutePair {
  return Array.isArray(value) && value.length === 2 && (typeof value[0] === "string" || value[0] instanceof RegExp);
}

function isPairs(value: unknown): value is readonly RoutePair[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPair);
}

function compilePairs(pairs: readonly RoutePair[], problems: Problem[]): Lookup {
  const exact = new Map<string, TaskOptions>();
  const patterns: { readonly pattern: RegExp; readonly route: TaskOptions }[] = [];
  for (const [pattern, written] of pairs) {
    const route = compileRoute(written, String(pattern), problems);
    if (typeof pattern === "string" && !/[*?[]/.test(pattern)) exact.set(pattern, route);
    else patterns.push({ pattern: typeof pattern === "string" ? globPattern(pattern) : pattern, route });
  }
  // `search` leaves a global expression's place alone.
  return ({ name }) => exact.get(name) ?? patterns.find(({ pattern }) => name.search(pattern) !== -1)?.route ?? null;
}

function compileRoute(route: unknown, place: string, problems: Problem[]): TaskOptions {
  try {
    return readRoute(route);
  } catch (error) {
    if (!(error instanceof LovageError)) throw error;
    problems.push({ message: `taskRoutes: ${place}: ${error.message}`, hint: error.hint });
    return {};
  }
}

function readRoute(route: unknown): TaskOptions {
  if (typeof route === "string") return Object.freeze({ queue: route });
  if (typeof route !== "object" || route === null || Array.isArray(route)) {
    throw new LovageError("config", "not a route", { hint: 'write the name of a queue, or { queue: "name", ... }' });
  }
  const options = camelOptions(route);
  checkTaskOptions(options);
  return Object.freeze(options);
}

function askFunction(router: RouteFunction, { name, args, kwargs, options, task }: RoutedCall): TaskOptions | null {
  const route = router(name, args, kwargs, options, task);
  return route === null || route === undefined ? null : readRoute(route);
}
