// Celery's remote control, kombu's pidbox: a command to all workers or to some, and what each of them answers.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Envelope } from "./envelope.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";
import { contentText } from "./serializer.ts";

/** Where an answer goes. */
export interface ReplyAddress {
  readonly exchange: string;
  readonly routingKey: string;
}

export interface ControlCommand {
  readonly method: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Node names; null: whoever `pattern` takes, or all. */
  readonly destination: readonly string[] | null;
  readonly pattern: string | null;
  /** `glob` or `pcre`: how to read the pattern. */
  readonly matcher: string | null;
  /** Null: no answer is wanted. */
  readonly reply: { readonly ticket: string; readonly to: ReplyAddress } | null;
}

export interface ReceivedCommand extends ControlCommand {
  /** The sender's logical time. */
  readonly clock: unknown;
  /** When the sender stops listening; null: never said. */
  readonly expiresAt: Instant | null;
}

/** The fanout exchange that commands go through: `celery.pidbox`. */
export function controlExchange(namespace: string): string {
  return `${namespace}.pidbox`;
}

/** The exchange that answers come back through: `reply.celery.pidbox`. */
export function replyExchange(namespace: string): string {
  return `reply.${namespace}.pidbox`;
}

/**
 * The message of a command.
 *
 * @param namespace the setting `controlExchange`
 * @throws LovageError when an argument is not data
 */
export function commandEnvelope(
  command: ControlCommand,
  sender: { readonly namespace: string; readonly clock: number; readonly expiresAt: Instant | null },
): Envelope {
  const { method, destination, pattern, matcher, reply } = command;
  const address = reply && { exchange: reply.to.exchange, routing_key: reply.to.routingKey };
  const answer = reply === null ? {} : { ticket: reply.ticket, reply_to: address };
  const body = { method, arguments: command.arguments, destination, pattern, matcher, ...answer };
  return envelopeOf({
    body: writeJson(body, method),
    headers: { clock: sender.clock, expires: sender.expiresAt === null ? 0 : sender.expiresAt / 1000 },
    deliveryMode: 2,
    destination: { exchange: controlExchange(sender.namespace), exchangeType: "fanout", routingKey: "" },
  });
}

/** @throws LovageError when the message is no command */
export function readCommand(envelope: Envelope): ReceivedCommand {
  const body = recordOf(readJson(contentText(envelope)));
  const method = body?.["method"];
  if (body === null || typeof method !== "string") {
    throw new LovageError("config", "a message on the control channel is no command: it has no method");
  }
  const { clock, expires } = envelope.headers;
  return {
    method,
    arguments: recordOf(body["arguments"]) ?? {},
    destination: textsOf(body["destination"]),
    pattern: textOf(body["pattern"]),
    matcher: textOf(body["matcher"]),
    reply: replyOf(body),
    clock,
    expiresAt: typeof expires === "number" && expires > 0 ? expires * 1000 : null,
  };
}

function replyOf(body: Readonly<Record<string, unknown>>): ControlCommand["reply"] {
  const address = recordOf(body["reply_to"]);
  const exchange = textOf(address?.["exchange"]);
  const routingKey = textOf(address?.["routing_key"]);
  if (exchange === null || routingKey === null) return null;
  return { ticket: textOf(body["ticket"]) ?? "", to: { exchange, routingKey } };
}

/**
 * Whether a command is meant for a node: by its name, else by the pattern, else for all.
 *
 * @throws LovageError when the pattern cannot be read
 */
export function isMeantFor(hostname: string, { destination, pattern, matcher }: ControlCommand): boolean {
  if (destination !== null && destination.length > 0) return destination.includes(hostname);
  return pattern === null || matcher === null || nodeMatches(hostname, pattern, matcher);
}

/**
 * Whether a node's name is one of those that a pattern means: a `glob` means the whole name (`celery@web-*`), a `pcre`
 * the beginning of it.
 *
 * @throws LovageError when the pattern cannot be read
 */
export function nodeMatches(hostname: string, pattern: string, matcher: string): boolean {
  return patternOf(pattern, matcher).test(hostname);
}

function patternOf(pattern: string, matcher: string): RegExp {
  if (matcher !== "glob" && matcher !== "pcre") {
    throw new LovageError("config", `no matcher ${matcher}`, { hint: "write glob or pcre" });
  }
  try {
    if (matcher === "glob") return new RegExp(`^${globSource(pattern)}$`, "su");
    return new RegExp(`^(?:${pattern.replaceAll("(?P<", "(?<")})`);
  } catch (error) {
    throw new LovageError("config", `not a ${matcher} pattern: ${pattern}`, { cause: error });
  }
}

/** Python's fnmatch: `*`, `?`, `[abc]`, `[!abc]`. */
function globSource(glob: string): string {
  return glob.replaceAll(/\[(!?)(\][^\]]*|[^\]]+)\]|./gsu, (token, not: string, set: string | undefined) => {
    if (set !== undefined) return `[${not === "" ? "" : "^"}${set.replaceAll(/[\\\]^[]/g, String.raw`\$&`)}]`;
    if (token === "*") return ".*";
    return token === "?" ? "." : token.replace(/[\\^$.*+?()[\]{}|/]/u, String.raw`\$&`);
  });
}

export interface Answer {
  readonly ticket: string;
  readonly to: ReplyAddress;
  readonly hostname: string;
  /** JSON data; Celery's is mostly `{"ok": ...}` or `{"error": "..."}`. */
  readonly content: unknown;
  readonly clock: number;
}

/** @throws LovageError when the content is not data */
export function answerEnvelope({ ticket, to, hostname, content, clock }: Answer): Envelope {
  return envelopeOf({
    body: writeJson({ [hostname]: content }, "answer"),
    headers: { ticket, clock },
    deliveryMode: 1,
    destination: { exchange: to.exchange, exchangeType: "direct", routingKey: to.routingKey },
  });
}

export interface ReceivedAnswer {
  readonly ticket: string | null;
  readonly clock: unknown;
  /** By node name. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** @throws LovageError when the message is no answer */
export function readAnswer(envelope: Envelope): ReceivedAnswer {
  const content = recordOf(readJson(contentText(envelope)));
  if (content === null) throw new LovageError("config", "a message in a reply queue is no answer");
  const { ticket, clock } = envelope.headers;
  return { ticket: textOf(ticket), clock, content };
}

function envelopeOf(parts: {
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly deliveryMode: number;
  readonly destination: Envelope["destination"];
}): Envelope {
  return Object.freeze({
    id: "",
    task: "",
    body: parts.body,
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: Object.freeze(parts.headers),
    properties: Object.freeze({ correlationId: "", replyTo: "", deliveryMode: parts.deliveryMode, priority: 0 }),
    destination: Object.freeze(parts.destination),
  });
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function textsOf(value: unknown): readonly string[] | null {
  if (typeof value === "string") return [value];
  // Nothing is left out: a list of strange names means nobody, an empty one would mean all.
  return Array.isArray(value) ? value.map(String) : null;
}
