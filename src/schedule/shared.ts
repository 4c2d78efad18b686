// Of a hundred thousand entries many say the same: what is equal is kept once. What comes from another thread is never shared
// on its own.
import type { EntryOptions } from "./entry.ts";

/** Beyond this many different ones a cache starts over, so that odd ones cannot fill the memory. */
const CACHE_SIZE = 10_000;
const texts = new Map<string, string>();
const optionSets = new Map<string, EntryOptions>();

/** The same text, in one copy for all who ask for it: names of tasks and zones. */
export function sharedText(text: string): string {
  return remember(texts, text, text);
}

/** Equal options, in one copy; those that hold lists or maps stay as they are. */
export function sharedOptions(options: EntryOptions): EntryOptions {
  if (Object.values(options).some((value) => typeof value === "object")) return options;
  return remember(optionSets, JSON.stringify(options), options);
}

function remember<Value>(cache: Map<string, Value>, key: string, value: Value): Value {
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_SIZE) cache.clear();
  cache.set(key, value);
  return value;
}
