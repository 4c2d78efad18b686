// Copies plain data and freezes the copy, so that nobody's later change reaches an entry, nor a frozen entry its maker.
import { LovageError } from "../error.ts";

const noItems: readonly never[] = Object.freeze([]);
const noKeys: Readonly<Record<string, never>> = Object.freeze({});

/** Python's reader of JSON gives up at a thousand, and the message adds some of its own. */
const MAX_DEPTH = 500;

/** @throws LovageError for what no message can hold: data that refers to itself, or is nested too deeply. */
export function frozenCopy<Value>(value: Value): Value {
  return copy(value, []) as Value;
}

/** What is neither a list nor a plain map is the serializer's to judge. */
function copy(value: unknown, within: object[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  const isList = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isList && prototype !== Object.prototype && prototype !== null) return value;
  if (within.length === MAX_DEPTH) throw endless(within);
  within.push(value);
  const copied = isList ? copyList(value, within) : copyMap(value as Record<string, unknown>, within);
  within.pop();
  return copied;
}

function copyList(list: readonly unknown[], within: object[]): readonly unknown[] {
  return list.length === 0 ? noItems : Object.freeze(list.map((item) => copy(item, within)));
}

function copyMap(map: Readonly<Record<string, unknown>>, within: object[]): Readonly<Record<string, unknown>> {
  const keys = Object.keys(map);
  // Of a hundred thousand entries most have no keyword arguments: they share one empty map.
  if (keys.length === 0) return noKeys;
  assertNames(map);
  const result: Record<string, unknown> = {};
  for (const key of keys) result[key] = copy(map[key], within);
  return Object.freeze(result);
}

function endless(within: readonly object[]): LovageError {
  if (new Set(within).size < within.length) {
    return new LovageError("schedule", "refers to itself", { hint: "a message cannot hold that; write it out" });
  }
  return new LovageError("schedule", "is nested too deeply", { hint: `at most ${MAX_DEPTH} levels` });
}

/** @throws LovageError for a key that would be lost on its way, as the language has a use of its own for it. */
export function assertNames(map: object): void {
  if (Object.hasOwn(map, "__proto__")) throw new LovageError("schedule", reservedName.message, reservedName);
}

export const reservedName = { message: "__proto__ cannot be a name", hint: "choose another" };
