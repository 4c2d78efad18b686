// From the arguments of a message to those of a function: Python callers name theirs, and JavaScript knows only places.

export interface Parameters {
  /** The task's name. */
  readonly task: string;
  /** Undefined: not known. */
  readonly names: readonly string[] | undefined;
  /** How many of them have no default. */
  readonly required: number;
}

/**
 * The arguments to call the function with. Without names, keyword arguments are one object after the positional ones.
 *
 * @throws TypeError in Python's words, when they do not fit the names
 */
export function bindArguments(
  { task, names, required }: Parameters,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): readonly unknown[] {
  if (names === undefined) return Object.keys(kwargs).length === 0 ? args : [...args, kwargs];
  const bound = [...args];
  for (const [name, value] of Object.entries(kwargs)) {
    const place = names.indexOf(name);
    if (place === -1) throw new TypeError(`${task}() got an unexpected keyword argument '${name}'`);
    if (place < args.length) throw new TypeError(`${task}() got multiple values for argument '${name}'`);
    bound[place] = value;
  }
  const missing = names.slice(0, required).filter((_, place) => !(place in bound));
  if (missing.length > 0) throw new TypeError(`${task}() ${missingText(missing)}`);
  return bound;
}

function missingText(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  const last = quoted.at(-1) ?? "";
  const comma = quoted.length > 2 ? "," : "";
  const list = quoted.length === 1 ? last : `${quoted.slice(0, -1).join(", ")}${comma} and ${last}`;
  return `missing ${names.length} required positional argument${names.length === 1 ? "" : "s"}: ${list}`;
}
