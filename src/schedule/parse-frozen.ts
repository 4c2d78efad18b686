// Copies plain data and freezes the copy, so that nobody's later change reaches an entry, nor a frozen entry its maker.

const noItems: readonly never[] = Object.freeze([]);
const noKeys: Readonly<Record<string, never>> = Object.freeze({});

export function frozenCopy<Value>(value: Value): Value {
  return copy(value) as Value;
}

/** What is neither a list nor a plain map is the serializer's to judge. */
function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.length === 0 ? noItems : Object.freeze(value.map(copy));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const keys = Object.keys(value);
  // Of a hundred thousand entries most have no keyword arguments: they share one empty map.
  if (keys.length === 0) return noKeys;
  const result: Record<string, unknown> = {};
  for (const key of keys) result[key] = copy((value as Record<string, unknown>)[key]);
  return Object.freeze(result);
}
