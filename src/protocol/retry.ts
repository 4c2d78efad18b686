// The message that a retry puts back: the one that came, with what changes and nothing else.
import type { Instant } from "../clock.ts";
import { readBody, writeBody } from "./body.ts";
import type { Destination, Envelope, EnvelopeProperties } from "./envelope.ts";
import { isoFormat } from "./iso-time.ts";
import { readJson } from "./json-reader.ts";
import { saferepr } from "./saferepr.ts";
import { compress } from "./serializer.ts";
import { argsRepr, expiryOf } from "./task.ts";
import { checkTaskOptions } from "./task-options.ts";
import type { TaskOptions } from "./task-options.ts";

export interface RetryChange {
  /** Now. */
  readonly at: Instant;
  /** When it is to run again; not after `at`: at once. */
  readonly etaAt: Instant;
  /** IANA zone whose offset `eta` is written with, and what an `expires` without an offset means. */
  readonly timezone: string;
  /** The JSON text of `[args, kwargs]`, where they change. */
  readonly argumentsText?: string;
  /** What changes; headers are merged into the message's own. Ids and `retries` are not for a retry to choose. */
  readonly options: TaskOptions;
  /** Who sends: `gen<pid>@<host>`. */
  readonly origin: string;
  /** The queue that the message came from: it goes back there, and nowhere else its exchange may lead to. */
  readonly queue: string;
  /** Where it goes instead; without it, `options.queue` names the queue. */
  readonly destination?: Destination;
}

/**
 * What Celery's `retry` sends: the same id and body, `retries` one more, an eta, and this task as its own parent if it has
 * none. It expires when it would have, unless the options say otherwise.
 *
 * @throws {LovageError} when an option is wrong, or a body that must change cannot be read
 */
export function retryEnvelope(envelope: Envelope, change: RetryChange): Envelope {
  checkTaskOptions(change.options);
  const { body, headers: bodyHeaders } = changedBody(envelope, change);
  const { expires, expiration } = expiryAgain(envelope, change);
  const headers = { ...envelope.headers, ...timesAndFamily(envelope, change), expires, ...bodyHeaders };
  return Object.freeze({
    ...envelope,
    body,
    headers: Object.freeze({ ...headers, ...optionHeaders(headers, change.options), ...change.options.headers }),
    properties: propertiesAgain(envelope, change.options, expiration),
    destination: change.destination ?? queueDestination(change),
  });
}

type Headers = Readonly<Record<string, unknown>>;

function timesAndFamily({ id, headers }: Envelope, { at, etaAt, timezone, origin }: RetryChange): Headers {
  const retries = headers["retries"];
  return {
    eta: etaAt > at ? isoFormat(etaAt, timezone) : null,
    retries: (typeof retries === "number" ? retries : 0) + 1,
    root_id: headers["root_id"] ?? id,
    parent_id: headers["parent_id"] ?? id,
    origin,
  };
}

/** Of the options that are headers, those that were given. */
function optionHeaders(headers: Headers, options: TaskOptions): Headers {
  const [hard, soft] = Array.isArray(headers["timelimit"]) ? (headers["timelimit"] as readonly unknown[]) : [];
  const {
    timeLimit = hard ?? null,
    softTimeLimit = soft ?? null,
    shadow,
    ignoreResult,
    argsrepr,
    kwargsrepr,
  } = options;
  return {
    timelimit: [timeLimit, softTimeLimit],
    ...(shadow === undefined ? {} : { shadow }),
    ...(ignoreResult === undefined ? {} : { ignore_result: ignoreResult }),
    ...(argsrepr === undefined ? {} : { argsrepr }),
    ...(kwargsrepr === undefined ? {} : { kwargsrepr }),
  };
}

function expiryAgain(
  { headers }: Envelope,
  { at, timezone, options }: RetryChange,
): { readonly expires: unknown; readonly expiration: string | undefined } {
  const before = headers["expires"];
  const expires = options.expires ?? (typeof before === "string" ? before : undefined);
  const expiry = expiryOf(expires, { now: at, timezone });
  return { expires: expiry?.text ?? before ?? null, expiration: expiry?.expiration };
}

function propertiesAgain(
  { id, properties }: Envelope,
  { priority, deliveryMode, replyTo }: TaskOptions,
  expiration: string | undefined,
): EnvelopeProperties {
  return Object.freeze({
    correlationId: id,
    replyTo: replyTo ?? properties.replyTo,
    deliveryMode: deliveryMode ?? properties.deliveryMode,
    priority: priority ?? properties.priority,
    ...(expiration === undefined ? {} : { expiration }),
  });
}

function queueDestination({ queue, options }: RetryChange): Destination {
  const routingKey = options.queue ?? queue;
  return Object.freeze({ exchange: "", exchangeType: "direct", routingKey, queue: routingKey });
}

/** The body as it came, byte for byte, unless something in it changes; then the headers that tell of it, too. */
function changedBody(envelope: Envelope, change: RetryChange): { readonly body: Envelope["body"]; headers: Headers } {
  if (!changesBody(change)) return { body: envelope.body, headers: {} };
  const { argumentsText, options } = change;
  const body = readBody(envelope);
  const { args, kwargs } = argumentsText === undefined ? body : readArguments(argumentsText);
  const text = writeBody(args, kwargs, { ...followingOptions(body.embed), ...options });
  const headers = argumentsText === undefined ? {} : { argsrepr: argsRepr(args), kwargsrepr: saferepr(kwargs) };
  const compression = options.compression ?? envelope.headers["compression"];
  if (typeof compression !== "string") return { body: text, headers };
  const packed = compress(text, compression);
  return { body: packed.body, headers: { ...headers, compression: packed.header } };
}

function changesBody({ argumentsText, options }: RetryChange): boolean {
  const { link, linkError, chain, chord, compression } = options;
  return [argumentsText, link, linkError, chain, chord, compression].some((change) => change !== undefined);
}

function readArguments(text: string): { args: readonly unknown[]; kwargs: Readonly<Record<string, unknown>> } {
  const [args, kwargs] = readJson(text) as readonly [readonly unknown[], Readonly<Record<string, unknown>>];
  return { args, kwargs };
}

function followingOptions({ callbacks, errbacks, chain, chord }: ReturnType<typeof readBody>["embed"]): TaskOptions {
  return {
    ...(callbacks === null ? {} : { link: callbacks }),
    ...(errbacks === null ? {} : { linkError: errbacks }),
    ...(chain === null ? {} : { chain }),
    ...(chord === null ? {} : { chord }),
  };
}
