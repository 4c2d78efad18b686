// The one place where the names of options change: camel case in code, Celery's snake case on the wire.
import { isoFormat } from "./iso-time.ts";
import { signatureJson, signatureList } from "./signature-json.ts";
import type { RetryPolicy, TaskOptions } from "./task-options.ts";

type NamedOption = Exclude<keyof TaskOptions, "extra" | "stamps">;

const WIRE_NAMES: Readonly<Record<NamedOption, string>> = Object.freeze({
  taskId: "task_id",
  countdown: "countdown",
  eta: "eta",
  expires: "expires",
  retries: "retries",
  priority: "priority",
  queue: "queue",
  exchange: "exchange",
  exchangeType: "exchange_type",
  routingKey: "routing_key",
  headers: "headers",
  serializer: "serializer",
  compression: "compression",
  timeLimit: "time_limit",
  softTimeLimit: "soft_time_limit",
  ignoreResult: "ignore_result",
  shadow: "shadow",
  deliveryMode: "delivery_mode",
  replyTo: "reply_to",
  argsrepr: "argsrepr",
  kwargsrepr: "kwargsrepr",
  groupId: "group_id",
  groupIndex: "group_index",
  rootId: "root_id",
  parentId: "parent_id",
  link: "link",
  linkError: "link_error",
  chain: "chain",
  chord: "chord",
  replacedTaskNesting: "replaced_task_nesting",
  retry: "retry",
  retryPolicy: "retry_policy",
});

const RETRY_NAMES: Readonly<Record<keyof RetryPolicy, string>> = Object.freeze({
  maxRetries: "max_retries",
  intervalStart: "interval_start",
  intervalStep: "interval_step",
  intervalMax: "interval_max",
});

const OPTION_NAMES = invert(WIRE_NAMES);
const RETRY_OPTION_NAMES = invert(RETRY_NAMES);

/** `task_id` for `taskId`; the name itself when Celery knows no such option. */
export function wireName(option: string): string {
  return Object.hasOwn(WIRE_NAMES, option) ? WIRE_NAMES[option as NamedOption] : option;
}

/** `taskId` for `task_id`; null when this is no option of Celery's. */
export function optionName(wireName: string): string | null {
  return OPTION_NAMES.get(wireName) ?? null;
}

/** Options as Celery has them inside a signature. Dates become ISO 8601 text, which every version of Celery takes. */
export function optionsToWire(options: TaskOptions): Record<string, unknown> {
  const { extra, stamps, ...named } = options;
  const wire: Record<string, unknown> = { ...extra };
  for (const [name, value] of Object.entries(named)) {
    if (value !== undefined) wire[wireName(name)] = valueToWire(name, value);
  }
  return stamps === undefined ? wire : { ...wire, stamped_headers: Object.keys(stamps), ...stamps };
}

function valueToWire(name: string, value: unknown): unknown {
  switch (name) {
    case "eta":
      return typeof value === "string" ? value : isoFormat(Number(value));
    case "expires":
      return value instanceof Date ? isoFormat(value.getTime()) : value;
    case "link":
    case "linkError":
    case "chain":
      return signatureList(value, name);
    case "chord":
      return signatureJson(value, name);
    case "retryPolicy":
      return renamed(value as object, (key) =>
        Object.hasOwn(RETRY_NAMES, key) ? RETRY_NAMES[key as keyof RetryPolicy] : key,
      );
    default:
      return value;
  }
}

/** The way back. What is null counts as not given, and what is unknown is kept under `extra`. */
export function optionsFromWire(wire: Readonly<Record<string, unknown>>): TaskOptions {
  const { stamped_headers: stampNames, ...rest } = wire;
  const named: Record<string, unknown> = {};
  const stamps: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    if (value === null) continue;
    const name = optionName(key);
    if (Array.isArray(stampNames) && stampNames.includes(key)) stamps[key] = value;
    else if (name === null) extra[key] = value;
    else named[name] = valueFromWire(name, value);
  }
  if (Array.isArray(stampNames)) named["stamps"] = stamps;
  if (Object.keys(extra).length > 0) named["extra"] = extra;
  return named;
}

function valueFromWire(name: string, value: unknown): unknown {
  if (name !== "retryPolicy" || typeof value !== "object" || value === null) return value;
  return renamed(value, (key) => RETRY_OPTION_NAMES.get(key) ?? key);
}

function renamed(value: object, rename: (key: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [rename(key), child]));
}

function invert(names: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(names).map(([name, wire]) => [wire, name]));
}
