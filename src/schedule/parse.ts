// From what people write, in files or in code, to frozen entries; every mistake is found in one go and told where it is.
import type { Problem } from "../error.ts";
import { ConfigError } from "../error.ts";
import { nameFault } from "./entry-name.ts";
import type { Entry } from "./entry.ts";
import type { EntryDefinition } from "./parse-definition.ts";
import { toCodePath, toCodeWords, toFileWords } from "./parse-definition.ts";
import { attemptInto } from "./parse-attempt.ts";
import { buildEntry } from "./parse-entry.ts";
import { checkScheduleText } from "./parse-file.ts";
import type { FileDefaults } from "./parse-file.ts";
import { assertNames } from "./parse-frozen.ts";
import { checkEntryShape } from "./parse-shape.ts";
import type { Issue } from "./schema-issues.ts";
import { formatPath } from "./schema-issues.ts";

export type { EntryDefinition } from "./parse-definition.ts";

export interface EntryDefaults {
  /** IANA name, for entries that have none of their own. */
  readonly timezone: string;
  /** For people: where the entry was written, such as `app.conf.beatSchedule`. */
  readonly source: string;
  /** For entries that do not say how old a missed occurrence may be; null: any age. */
  readonly missedWithinMs: number | null;
}

/**
 * Makes an entry from code.
 *
 * @throws ConfigError with everything that is wrong with it, each under `<source>: <name>.<key>`.
 */
export function createEntry(definition: EntryDefinition, defaults: EntryDefaults): Entry {
  const { name } = definition;
  const fault = nameFault(name);
  if (fault !== null) throw new ConfigError([{ file: defaults.source, message: fault }]);
  const { data, given } = toFileWords(definition);
  assertKept(definition, defaults.source);
  const checked = checkEntryShape(data, ["entries", name]);
  if ("issues" in checked) throw codeError(checked.issues, defaults.source);
  const built = buildEntry(checked.data, { ...defaults, name }, given);
  if ("entry" in built) return built.entry;
  const placed = built.issues.map((issue) => ({ ...issue, path: ["entries", name, ...issue.path] }));
  throw codeError(placed, defaults.source);
}

/**
 * Reads the text of a schedule file.
 *
 * @param file the name to show in errors and as the source of entries.
 * @throws ConfigError with every mistake at its `file:line:column`.
 */
export function parseScheduleText(
  text: string,
  file: string,
  defaults: FileDefaults,
): { readonly entries: readonly Entry[] } {
  return { entries: Object.freeze(checkScheduleText(text, file, defaults).entries) };
}

/**
 * All entries in one list.
 *
 * @throws ConfigError where two have one name, naming both places.
 */
export function mergeEntries(...lists: readonly (readonly Entry[])[]): readonly Entry[] {
  const byName = new Map<string, Entry>();
  const problems: Problem[] = [];
  for (const entry of lists.flat()) {
    const other = byName.get(entry.name);
    if (other === undefined) byName.set(entry.name, entry);
    else problems.push(clash(entry, other));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze([...byName.values()]);
}

function clash(entry: Entry, other: Entry): Problem {
  return {
    file: entry.source,
    message: `entry ${entry.name} is there twice: also at ${other.source}`,
    hint: "rename or remove one of them",
  };
}

/** The check of the shape would silently leave these keys out. */
function assertKept({ name, kwargs }: EntryDefinition, source: string): void {
  const issues: Issue[] = [];
  const attempt = attemptInto(issues);
  attempt(["entries", name], () => assertNames({ [name]: true }));
  attempt(["entries", name, "kwargs"], () => assertNames(kwargs ?? {}));
  if (issues.length > 0) throw codeError(issues, source);
}

function codeError(issues: readonly Issue[], source: string): ConfigError {
  return new ConfigError(
    issues.map(({ path, message, hint }) => ({
      file: source,
      message: `${formatPath([...path.slice(1, 2), ...toCodePath(path.slice(2))])}: ${toCodeWords(message)}`,
      hint: hint === undefined ? undefined : toCodeWords(hint),
    })),
  );
}
