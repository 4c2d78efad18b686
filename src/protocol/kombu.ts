// What kombu's Redis transport writes around a message, and the names of the keys it writes them to, byte for byte.
import { LovageError } from "../error.ts";
import type { Destination, Envelope, EnvelopeProperties } from "./envelope.ts";
import { readJson } from "./json-reader.ts";
import { quoteJson, writeJson } from "./json-writer.ts";

/** Stands between a queue's name and its priority, and between the fields of a binding. */
export const SEPARATOR = "\x06\x16";

/** kombu keeps one list for each of these; on Redis the first is served first, so 0 is the highest. */
export const PRIORITY_STEPS: readonly number[] = Object.freeze([0, 3, 6, 9]);

/** The text that kombu would LPUSH. */
export function encodeMessage(envelope: Envelope, deliveryTag: string): string {
  if (envelope.encode !== undefined) return envelope.encode(deliveryTag);
  return (
    `{"body": "${base64Of(envelope.body)}", "content-encoding": ${quoteJson(envelope.contentEncoding)}, ` +
    `"content-type": ${quoteJson(envelope.contentType)}, "headers": ${writeJson(envelope.headers, "headers")}, ` +
    `"properties": ${encodeProperties(envelope, deliveryTag)}}`
  );
}

function encodeProperties({ properties, destination }: Envelope, deliveryTag: string): string {
  const expiration = properties.expiration === undefined ? "" : `"expiration": ${quoteJson(properties.expiration)}, `;
  return (
    `{${encodeCorrelation(properties)}"delivery_mode": ${properties.deliveryMode}, ${expiration}` +
    `"delivery_info": {"exchange": ${quoteJson(destination.exchange)}, "routing_key": ` +
    `${quoteJson(destination.routingKey)}}, "priority": ${properties.priority}, "body_encoding": "base64", ` +
    `"delivery_tag": ${quoteJson(deliveryTag)}}`
  );
}

/** Tasks have both properties; events and remote control have neither. */
function encodeCorrelation({ correlationId, replyTo }: EnvelopeProperties): string {
  if (correlationId === "" && replyTo === "") return "";
  return `"correlation_id": ${quoteJson(correlationId)}, "reply_to": ${quoteJson(replyTo)}, `;
}

function base64Of(body: string | Uint8Array): string {
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

export interface KombuMessage {
  readonly envelope: Envelope;
  readonly deliveryTag: string;
}

/**
 * Reads what {@link encodeMessage} or kombu wrote. Text bodies come as text, compressed and binary ones as bytes. The
 * kind of exchange is not in the message: it is said to be direct.
 *
 * @throws {LovageError} when the text is not a kombu message
 */
export function decodeMessage(text: string): KombuMessage {
  const message = recordOf(readJson(text), "the message");
  const headers = recordOf(message["headers"] ?? {}, "headers");
  const properties = recordOf(message["properties"], "properties");
  const contentEncoding = textOf(message["content-encoding"], "utf-8");
  const isText = contentEncoding === "utf-8" && headers["compression"] === undefined;
  const correlationId = textOf(properties["correlation_id"], "");
  const envelope = {
    id: textOf(headers["id"], correlationId),
    task: textOf(headers["task"], ""),
    body: decodeBody(message["body"], textOf(properties["body_encoding"], ""), isText),
    contentType: textOf(message["content-type"], "application/data"),
    contentEncoding,
    headers: Object.freeze(headers),
    properties: decodeProperties(properties, correlationId),
    destination: decodeDestination(properties["delivery_info"] ?? {}),
  };
  return { envelope: Object.freeze(envelope), deliveryTag: textOf(properties["delivery_tag"], "") };
}

function decodeProperties(properties: Readonly<Record<string, unknown>>, correlationId: string): EnvelopeProperties {
  const expiration = properties["expiration"];
  return Object.freeze({
    correlationId,
    replyTo: textOf(properties["reply_to"], ""),
    deliveryMode: numberOf(properties["delivery_mode"], 2),
    priority: numberOf(properties["priority"], 0),
    ...(typeof expiration === "string" || typeof expiration === "number" ? { expiration: String(expiration) } : {}),
  });
}

function decodeDestination(deliveryInfo: unknown): Destination {
  const info = recordOf(deliveryInfo, "delivery_info");
  return Object.freeze({
    exchange: textOf(info["exchange"], ""),
    exchangeType: "direct",
    routingKey: textOf(info["routing_key"], ""),
  });
}

function decodeBody(body: unknown, encoding: string, isText: boolean): string | Uint8Array {
  if (typeof body !== "string") throw new LovageError("config", "the message's body is not text");
  if (encoding !== "base64") return body;
  const bytes = Buffer.from(body, "base64");
  return isText ? bytes.toString("utf8") : new Uint8Array(bytes);
}

function recordOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new LovageError("config", `not a kombu message: ${name} should be an object`);
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** The list a message of this priority waits in: `celery`, or `celery\x06\x163` from 3 on, `...6`, `...9`. */
export function queueKey(queue: string, priority: number): string {
  const step = PRIORITY_STEPS.findLast((step) => step <= priority) ?? 0;
  return step === 0 ? queue : `${queue}${SEPARATOR}${step}`;
}

/** All the lists of a queue, in the order they are served. */
export function queueKeys(queue: string): readonly string[] {
  return PRIORITY_STEPS.map((step) => queueKey(queue, step));
}

/** The set of an exchange's bindings. */
export function bindingKey(exchange: string): string {
  return `_kombu.binding.${exchange}`;
}

/** One row of an exchange's table: which queue gets what comes under the routing key. */
export interface Binding {
  readonly routingKey: string;
  /** The regular expression kombu keeps for a topic exchange ({@link topicPattern}); "" for others. */
  readonly pattern: string;
  readonly queue: string;
}

/** One member of the set of bindings. */
export function formatBinding({ routingKey, pattern, queue }: Binding): string {
  return [routingKey, pattern, queue].join(SEPARATOR);
}

/** Null when the member is not a binding. */
export function parseBinding(member: string): Binding | null {
  const [routingKey, pattern, queue, ...rest] = member.split(SEPARATOR);
  if (routingKey === undefined || pattern === undefined || queue === undefined || rest.length > 0) return null;
  return { routingKey, pattern, queue };
}

/** The regular expression that kombu writes for a binding to a topic exchange: `a.*` is `^a\..*?[^\.]$`. */
export function topicPattern(bindingKey: string): string {
  const words = bindingKey.split(".").map((word) => {
    if (word === "*") return String.raw`.*?[^\.]`;
    if (word === "#") return ".*?";
    return word.replaceAll(/[^\p{L}\p{N}#]/gu, String.raw`\$&`);
  });
  return `^${words.join(String.raw`\.`)}$`;
}

const patterns = new Map<string, RegExp>();

/**
 * Whether a topic binding takes a routing key, as kombu has it: unlike AMQP's own topics, `*` may stand for several
 * words, and `a.#` does not take `a`. Producers of both kinds must agree on where a message goes.
 */
export function topicMatches(bindingKey: string, routingKey: string): boolean {
  let pattern = patterns.get(bindingKey);
  if (pattern === undefined) {
    pattern = new RegExp(topicPattern(bindingKey), "s");
    patterns.set(bindingKey, pattern);
  }
  return pattern.test(routingKey);
}

/** The queues that a message goes to by the table of its exchange, each once, in the table's order. */
export function routedQueues(bindings: readonly Binding[], destination: Destination): readonly string[] {
  const taken = bindings.filter((binding) => takes(binding, destination));
  return [...new Set(taken.map((binding) => binding.queue))];
}

function takes(binding: Binding, { exchangeType, routingKey }: Destination): boolean {
  if (exchangeType === "fanout") return true;
  return exchangeType === "topic" ? topicMatches(binding.routingKey, routingKey) : binding.routingKey === routingKey;
}
