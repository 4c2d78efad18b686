// Checks the text of one schedule file as a whole: its head, the shape of each entry, and what each entry means.
import { ConfigError } from "../error.ts";
import { nameFault } from "./entry-name.ts";
import type { Entry } from "./entry.ts";
import { attemptInto } from "./parse-attempt.ts";
import type { EntryPlace } from "./parse-entry.ts";
import { buildEntry } from "./parse-entry.ts";
import { checkEntryShape, checkHeadShape } from "./parse-shape.ts";
import { readSource } from "./parse-source.ts";
import type { EntrySource } from "./parse-source.ts";
import type { Issue } from "./schema-issues.ts";
import { valueAt } from "./schema-issues.ts";
import type { DefaultsData, EntryData, FileHead } from "./schema.ts";
import { assertZone } from "./zone.ts";

export interface FileDefaults {
  /** IANA name, known to be good: the zone of a file that has none of its own. */
  readonly timezone: string;
  /** For entries that do not say how old a missed occurrence may be; null: any age. */
  readonly missedWithinMs: number | null;
}

/** All that an entry is built from, as plain data that can cross to another thread. */
export interface CheckedEntry {
  readonly place: EntryPlace;
  readonly data: EntryData;
}

export interface CheckedFile {
  readonly checked: readonly CheckedEntry[];
  readonly entries: readonly Entry[];
}

/** @throws ConfigError with every mistake, each at its file, line and column. */
export function checkScheduleText(text: string, file: string, defaults: FileDefaults): CheckedFile {
  const source = readSource(text, file);
  const issues: Issue[] = [];
  const head = checkHead(source.head, issues);
  const timezone = head.timezone ?? defaults.timezone;
  const result: { readonly checked: CheckedEntry[]; readonly entries: Entry[] } = { checked: [], entries: [] };
  for (const entry of source.entries) {
    const position = `${file}:${entry.line}:${entry.column}`;
    const place = { name: entry.name, source: position, timezone, missedWithinMs: defaults.missedWithinMs };
    const outcome = checkEntry(entry, place, head.defaults);
    if ("issues" in outcome) {
      for (const issue of outcome.issues) issues.push(issue);
    } else {
      result.checked.push(outcome.checked);
      result.entries.push(outcome.entry);
    }
  }
  if (issues.length > 0) throw new ConfigError(source.place(issues));
  return result;
}

/** With mistakes in the head, the entries are checked as if it said nothing, so that theirs are found too. */
function checkHead(head: unknown, issues: Issue[]): FileHead {
  const result = checkHeadShape(head);
  if ("issues" in result) {
    for (const issue of result.issues) issues.push(issue);
    return {};
  }
  const { timezone, defaults } = result.data;
  const isZone = attemptInto(issues)(["timezone"], () => timezone === undefined || assertZone(timezone) === undefined);
  return isZone === true ? result.data : { defaults };
}

type CheckedOne = { readonly checked: CheckedEntry; readonly entry: Entry } | { readonly issues: readonly Issue[] };

function checkEntry(source: EntrySource, place: EntryPlace, defaults: DefaultsData | undefined): CheckedOne {
  const at = ["entries", source.name];
  const fault = nameFault(source.name);
  if (fault !== null) return { issues: [{ path: at, message: fault, isKey: true }] };
  const parsed = checkEntryShape(source.value, at);
  if ("issues" in parsed) return { issues: [...parsed.issues, ...issuesOfRest(source, place, parsed.issues)] };
  const data = withDefaults(parsed.data, defaults);
  const built = buildEntry(data, place);
  if ("entry" in built) return { checked: { place, data }, entry: built.entry };
  const isInherited = ({ path }: Issue): boolean =>
    valueAt(parsed.data, path) === undefined && valueAt(defaults, path) !== undefined;
  return {
    issues: built.issues.map((issue) => ({
      ...issue,
      path: isInherited(issue) ? ["defaults", ...issue.path] : [...at, ...issue.path],
    })),
  };
}

/** What is wrong with the keys whose shape is right, in an entry with others whose shape is not. */
function issuesOfRest(source: EntrySource, place: EntryPlace, issues: readonly Issue[]): readonly Issue[] {
  if (typeof source.value !== "object" || source.value === null) return [];
  const broken = new Set(issues.map(({ path }) => path[2]));
  const rest = Object.entries(source.value).filter(([key]) => !broken.has(key));
  const parsed = checkEntryShape({ task: "stand-in", schedule: 1, ...Object.fromEntries(rest) }, []);
  if ("issues" in parsed) return [];
  const built = buildEntry(parsed.data, place);
  return "entry" in built
    ? []
    : built.issues.map((issue) => ({ ...issue, path: ["entries", source.name, ...issue.path] }));
}

/** What an entry says itself counts, down to the single option; a zone within its schedule is its own word, too. */
function withDefaults(data: EntryData, defaults: DefaultsData | undefined): EntryData {
  if (defaults === undefined) return data;
  const { timezone, ...rest } = defaults;
  const hasZone = timezone === undefined || (typeof data.schedule === "object" && "timezone" in data.schedule);
  const options = { ...defaults.options, ...data.options };
  return { ...rest, ...(hasZone ? {} : { timezone }), ...data, options };
}
