// `broker_transport_options` for Redis: what of them is about queues, beside what is about the connection.
import { type OptionKind, readOptions, type RedisLink, seconds, text, unused } from "../../redis/options.ts";

export interface RedisTransport extends RedisLink {
  /** Put before every key, as kombu does. */
  readonly prefix: string;
  /** The hash of what was taken and not settled yet, by tag; with the prefix. */
  readonly unackedKey: string;
  /** The same tags by when they were taken; with the prefix. */
  readonly unackedIndexKey: string;
  /** What was taken so long ago and is not settled goes back to its queue. */
  readonly visibilityTimeoutMs: number;
}

const kinds: Readonly<Record<string, OptionKind>> = {
  globalKeyprefix: text,
  unackedKey: text,
  unackedIndexKey: text,
  visibilityTimeout: seconds,
  sep: fixed("\u0006\u0016"),
  prioritySteps: fixed("[0,3,6,9]"),
  ...unused(`
    unackedMutexKey unackedMutexExpire unackedRestoreLimit
    fanoutPrefix fanoutPatterns queueOrderStrategy maxRetries intervalStart intervalStep intervalMax
  `),
};

/** @throws LovageError("config") for a value that does not fit, and for what looks like a mistyped name */
export function readTransport(options: Readonly<Record<string, unknown>>): RedisTransport {
  const { link, textOf, msOf } = readOptions("broker_transport_options", options, kinds);
  const prefix = textOf("globalKeyprefix", "");
  return Object.freeze({
    ...link,
    prefix,
    unackedKey: prefix + textOf("unackedKey", "unacked"),
    unackedIndexKey: prefix + textOf("unackedIndexKey", "unacked_index"),
    visibilityTimeoutMs: msOf("visibilityTimeout", 3600),
  });
}

function fixed(expected: string): OptionKind {
  return [(value) => (typeof value === "string" ? value : JSON.stringify(value)) === expected, "kombu's default"];
}
