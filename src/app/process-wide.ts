// What must be one thing in a process however often this package is loaded into it: a project and its worker may each have
// a copy.

/** The value of that name, made by whoever asks first. */
export function processWide<Value>(name: string, create: () => Value): Value {
  const key = Symbol.for(`lovage.${name}`);
  const shared = globalThis as { [key: symbol]: Value | undefined };
  const value = shared[key] ?? create();
  shared[key] = value;
  return value;
}
