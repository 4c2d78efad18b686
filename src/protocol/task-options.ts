// The options of a call, checked one by one: what Celery would take silently and choke on later is refused here.
import type { Instant } from "../clock.ts";
import { LovageError, didYouMean } from "../error.ts";
import type { ExchangeType } from "./envelope.ts";
import { parseIso } from "./iso-time.ts";
import { writeJson } from "./json-writer.ts";
import { checkSerializer, compressionHeader } from "./serializer.ts";
import { signatureJson, signatureList } from "./signature-json.ts";
import type { SignatureJson, SignatureLike } from "./signature-json.ts";

/** One or several signatures, given as such or in their wire shape. */
export type Callbacks = SignatureLike | SignatureJson | readonly unknown[];

/** How to try again when the broker cannot be reached. Spans are seconds. */
export interface RetryPolicy {
  readonly maxRetries?: number | null;
  readonly intervalStart?: number;
  readonly intervalStep?: number;
  readonly intervalMax?: number;
}

/** The options of Celery's `apply_async`, in camel case. Spans are seconds, as in Celery. */
export interface TaskOptions {
  /** A fresh UUID when left out. */
  readonly taskId?: string;
  /** Seconds from now before which no worker starts the task. Not together with `eta`. */
  readonly countdown?: number;
  /** The same as an instant: a Date, epoch milliseconds, or ISO 8601 (without an offset: the worker's local time). */
  readonly eta?: Date | Instant | string;
  /** Seconds from now, a Date, or ISO 8601, after which no worker starts the task. */
  readonly expires?: number | Date | string;
  /** How often the task has been retried already. */
  readonly retries?: number;
  /** 0 to 255. On Redis 0 is served first and 9 last; on RabbitMQ it is the other way about. */
  readonly priority?: number;
  readonly queue?: string;
  readonly exchange?: string;
  readonly exchangeType?: ExchangeType;
  readonly routingKey?: string;
  /** Merged into the message's headers, at the top level. */
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Only `json`. */
  readonly serializer?: string;
  /** `gzip` or `zlib` (one and the same in Celery). */
  readonly compression?: string;
  /** Seconds after which the worker kills the task. */
  readonly timeLimit?: number;
  /** Seconds after which the task is told to stop; at most `timeLimit`. */
  readonly softTimeLimit?: number;
  readonly ignoreResult?: boolean;
  /** The name to show in logs and monitors in place of the task's. */
  readonly shadow?: string;
  /** 2 survives a restart of the broker, 1 does not. */
  readonly deliveryMode?: number;
  readonly replyTo?: string;
  /** What logs and monitors show for the arguments, where these are secret. */
  readonly argsrepr?: string;
  readonly kwargsrepr?: string;
  readonly groupId?: string;
  readonly groupIndex?: number;
  readonly rootId?: string;
  readonly parentId?: string;
  /** Called with the result after success. */
  readonly link?: Callbacks;
  /** Called after failure. */
  readonly linkError?: Callbacks;
  /** What is left of a chain, in reverse: the next task is the last. */
  readonly chain?: readonly unknown[];
  /** The body of the chord this task is part of. */
  readonly chord?: SignatureLike | SignatureJson;
  readonly stamps?: Readonly<Record<string, unknown>>;
  readonly replacedTaskNesting?: number;
  /** Whether to publish again after a connection error. */
  readonly retry?: boolean;
  readonly retryPolicy?: RetryPolicy;
  /** Options read off the wire that have no meaning here; handed on as they came. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Null when the value will do, else what it should be; throws where it knows better words. */
type Check = (value: unknown, name: string) => string | null;

const text: Check = (value) => (typeof value === "string" && value !== "" ? null : "a text");
const anyText: Check = (value) => (typeof value === "string" ? null : "a text");
const flag: Check = (value) => (typeof value === "boolean" ? null : "true or false");
const seconds: Check = (value) => (Number.isFinite(value) ? null : "a number of seconds");
const limit: Check = (value) => (Number.isFinite(value) && Number(value) > 0 ? null : "a number of seconds above 0");
const count: Check = (value) => (Number.isSafeInteger(value) && Number(value) >= 0 ? null : "a whole number from 0 up");
const record: Check = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? null : "a mapping";

function data(value: unknown, name: string): string | null {
  const wrong = record(value, name);
  if (wrong === null) writeJson(value, name);
  return wrong;
}

function byName(check: (value: string) => unknown): Check {
  return (value) => {
    if (typeof value !== "string") return "a name";
    check(value);
    return null;
  };
}

function callbacks(value: unknown, name: string): string | null {
  signatureList(value, name);
  return null;
}

function oneOf(...values: readonly unknown[]): Check {
  return (value) => (values.includes(value) ? null : values.join(", ").replace(/, (?=[^,]*$)/, " or "));
}

/** 1973 in milliseconds, and the year 5138 in seconds: whoever writes a number across this line means the other unit. */
const MS_OR_SECONDS = 1e11;

function eta(value: unknown): string | null {
  if (typeof value === "number" && Math.abs(value) < MS_OR_SECONDS) {
    return "an instant in epoch milliseconds (for seconds from now write countdown)";
  }
  return typeof value === "number" && Number.isFinite(value) ? null : dateOrIso(value, "epoch milliseconds");
}

function expires(value: unknown): string | null {
  if (typeof value === "number" && value >= MS_OR_SECONDS) {
    return "seconds from now (for an instant write new Date(...))";
  }
  return typeof value === "number" && Number.isFinite(value) ? null : dateOrIso(value, "seconds from now");
}

function dateOrIso(value: unknown, number: string): string | null {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return null;
  if (typeof value === "string" && parseIso(value) !== null) return null;
  return `${number}, a Date, or ISO 8601 such as 2026-12-24T18:00:00+01:00`;
}

const CHECKS: Readonly<Record<keyof TaskOptions, Check>> = Object.freeze({
  taskId: text,
  countdown: seconds,
  eta,
  expires,
  retries: count,
  priority: (value) => (count(value, "") === null && Number(value) <= 255 ? null : "a whole number from 0 to 255"),
  queue: text,
  exchange: anyText,
  exchangeType: oneOf("direct", "topic", "fanout"),
  routingKey: anyText,
  headers: data,
  serializer: byName(checkSerializer),
  compression: byName(compressionHeader),
  timeLimit: limit,
  softTimeLimit: limit,
  ignoreResult: flag,
  shadow: text,
  deliveryMode: oneOf(1, 2),
  replyTo: anyText,
  argsrepr: anyText,
  kwargsrepr: anyText,
  groupId: text,
  groupIndex: count,
  rootId: text,
  parentId: text,
  link: callbacks,
  linkError: callbacks,
  chain: (value, name) => (Array.isArray(value) ? callbacks(value, name) : "a list of signatures"),
  chord: (value, name) => (signatureJson(value, name) ? null : "a signature"),
  stamps: data,
  replacedTaskNesting: count,
  retry: flag,
  retryPolicy: record,
  extra: record,
});

/** @throws {LovageError} naming the option that is unknown or wrong, and what it should be */
export function checkTaskOptions(options: TaskOptions): void {
  for (const name of Object.keys(options)) {
    const value: unknown = options[name as keyof TaskOptions];
    if (value !== undefined) checkOption(name, value);
  }
  if (options.countdown !== undefined && options.eta !== undefined) {
    throw new LovageError("config", "countdown and eta are both given", { hint: "they say the same thing: keep one" });
  }
  const { timeLimit, softTimeLimit } = options;
  if (timeLimit !== undefined && softTimeLimit !== undefined && softTimeLimit > timeLimit) {
    throw new LovageError("config", `softTimeLimit ${softTimeLimit} is above timeLimit ${timeLimit}`);
  }
}

function checkOption(name: string, value: unknown): void {
  if (!Object.hasOwn(CHECKS, name)) {
    const guess = didYouMean(name, Object.keys(CHECKS));
    throw new LovageError("config", `no option ${name}`, {
      hint: guess === null ? undefined : `did you mean ${guess}?`,
    });
  }
  const wanted = CHECKS[name as keyof TaskOptions](value, name);
  if (wanted !== null) {
    throw new LovageError("config", `${name} ${shown(value)} should be ${wanted}`);
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
