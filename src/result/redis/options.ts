// `result_backend_transport_options` for Redis: what of them is about results, beside what is about the connection.
import { type OptionKind, readOptions as read, type RedisLink, text, unused } from "../../redis/options.ts";

export interface RedisResultOptions extends RedisLink {
  /** Put before every key, as Celery does. */
  readonly prefix: string;
}

const kinds: Readonly<Record<string, OptionKind>> = {
  globalKeyprefix: text,
  ...unused("visibilityTimeout retryPolicy resultChordOrdered"),
};

/** @throws LovageError("config") for a value that does not fit, and for what looks like a mistyped name */
export function readOptions(options: Readonly<Record<string, unknown>>): RedisResultOptions {
  const { link, textOf } = read("result_backend_transport_options", options, kinds);
  return Object.freeze({ ...link, prefix: prefixOf(textOf("globalKeyprefix", "")) });
}

/** Celery puts an underscore between, where the prefix does not end in a mark of its own. */
function prefixOf(written: string): string {
  return written === "" || /[:_.-]$/.test(written) ? written : `${written}_`;
}
