// From a call to the message that asks for it: Celery protocol 2, its headers in Celery 5.6's order.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import { writeBody } from "./body.ts";
import type { Destination, Envelope, EnvelopeProperties } from "./envelope.ts";
import { instantOf, isoFormat, parseIso } from "./iso-time.ts";
import { saferepr } from "./saferepr.ts";
import { compress } from "./serializer.ts";
import { checkTaskOptions } from "./task-options.ts";
import type { TaskOptions } from "./task-options.ts";

export interface TaskCall {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: TaskOptions;
}

export interface EnvelopeContext {
  readonly now: Instant;
  /** Who sends: `gen<pid>@<host>`. */
  readonly origin: string;
  /** A UUID of the producer, unless the call names one of its own. */
  readonly replyTo: string;
  /** IANA zone whose offset `eta` and `expires` are written with, as Celery does with its app's; UTC by default. */
  readonly timezone?: string;
  readonly destination: Destination;
  readonly newId: () => string;
}

/**
 * The message for a call. Where it goes is the context's business: `queue`, `exchange` and `routingKey` of the call's
 * options, and `retry`, are for the caller to have read.
 *
 * @throws {LovageError} naming the argument or option that is wrong, and what to write instead
 */
export function createEnvelope(call: TaskCall, context: EnvelopeContext): Envelope {
  const { options } = call;
  checkCall(call);
  const id = options.taskId ?? context.newId();
  const text = writeBody(call.args, call.kwargs, options);
  const packed = options.compression === undefined ? null : compress(text, options.compression);
  const expiry = expiryOf(options.expires, context);
  const headers = createHeaders(call, context, { id, expires: expiry?.text ?? null });
  if (packed !== null) headers["compression"] = packed.header;
  return Object.freeze({
    id,
    task: call.task,
    body: packed === null ? text : packed.body,
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: Object.freeze(headers),
    properties: createProperties(id, options, { replyTo: context.replyTo, expiration: expiry?.expiration }),
    destination: context.destination,
  });
}

function checkCall({ task, args, kwargs, options }: TaskCall): void {
  if (typeof task !== "string" || task === "") {
    throw new LovageError("config", "a call needs the name of a task", { hint: 'write for example "proj.add"' });
  }
  if (!Array.isArray(args)) {
    throw new LovageError("config", `the args of ${task} should be a list`, { hint: "write [2, 2]" });
  }
  if (typeof kwargs !== "object" || kwargs === null || Array.isArray(kwargs)) {
    throw new LovageError("config", `the kwargs of ${task} should be a mapping`, { hint: "write {x: 2, y: 2}" });
  }
  checkTaskOptions(options);
}

interface HeaderValues {
  readonly id: string;
  readonly expires: string | null;
}

function createHeaders(call: TaskCall, context: EnvelopeContext, values: HeaderValues): Record<string, unknown> {
  const { args, kwargs, options } = call;
  const headers = {
    lang: "py",
    task: call.task,
    id: values.id,
    shadow: either(options.shadow, null),
    eta: etaOf(options, context),
    expires: values.expires,
    group: either(options.groupId, null),
    group_index: either(options.groupIndex, null),
    retries: either(options.retries, 0),
    timelimit: [either(options.timeLimit, null), either(options.softTimeLimit, null)],
    root_id: either(options.rootId, values.id),
    parent_id: either(options.parentId, null),
    argsrepr: options.argsrepr ?? argsRepr(args),
    kwargsrepr: options.kwargsrepr ?? saferepr(kwargs),
    origin: context.origin,
    ignore_result: either(options.ignoreResult, false),
    replaced_task_nesting: either(options.replacedTaskNesting, 0),
    stamped_headers: options.stamps === undefined ? null : Object.keys(options.stamps),
    stamps: either(options.stamps, {}),
  };
  return options.headers === undefined ? headers : Object.assign(headers, options.headers);
}

function either<T, U>(value: T | undefined, otherwise: U): T | U {
  return value === undefined ? otherwise : value;
}

/** Celery puts an empty tuple in place of no arguments, and its repr shows. */
export function argsRepr(args: readonly unknown[]): string {
  return args.length === 0 ? "()" : saferepr(args);
}

function createProperties(
  id: string,
  options: TaskOptions,
  { replyTo, expiration }: { readonly replyTo: string; readonly expiration: string | undefined },
): EnvelopeProperties {
  return Object.freeze({
    correlationId: id,
    replyTo: options.replyTo ?? replyTo,
    deliveryMode: options.deliveryMode ?? 2,
    priority: options.priority ?? 0,
    ...(expiration === undefined ? {} : { expiration }),
  });
}

/** A countdown of zero is no eta at all, as in Celery. */
function etaOf({ countdown, eta }: TaskOptions, { now, timezone }: EnvelopeContext): string | null {
  if (countdown !== undefined && countdown !== 0) return isoFormat(now + countdown * 1000, timezone);
  if (eta === undefined) return null;
  if (typeof eta === "string") return parseIso(eta)?.text ?? eta;
  return isoFormat(Number(eta), timezone);
}

interface Expiry {
  /** The `expires` header. */
  readonly text: string;
  /** The `expiration` property: whole milliseconds from now, cut off, and never below zero. */
  readonly expiration: string;
}

export function expiryOf(
  expires: TaskOptions["expires"],
  { now, timezone = "UTC" }: Pick<EnvelopeContext, "now" | "timezone">,
): Expiry | null {
  if (expires === undefined) return null;
  if (typeof expires === "number") {
    return { text: isoFormat(now + expires * 1000, timezone), expiration: wholeMs(expires * 1000) };
  }
  const time = typeof expires === "string" ? parseIso(expires) : null;
  if (time !== null) return { text: time.text, expiration: wholeMs(instantOf(time, timezone) - now) };
  const at = Number(expires);
  return { text: isoFormat(at, timezone), expiration: wholeMs(at - now) };
}

function wholeMs(spanMs: number): string {
  return String(Math.max(0, Math.trunc(spanMs)));
}
