// Turns what the schema found into one plain mistake after the other, each with words that say what to write instead.
import { didYouMean } from "../error.ts";
import { clashOf, hintForKey } from "./schema-hints.ts";

/** Where in the data: keys and indexes from the root of a file, such as `["entries", "lights", "schedule"]`. */
export type Path = readonly PropertyKey[];

/** One mistake, before it is known where in which text it stands. */
export interface Issue {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** The mistake is the key itself, not what it holds. */
  readonly isKey?: boolean;
  /** How many characters into the text at `path` the mistake begins. */
  readonly offset?: number | undefined;
}

/** What is read of zod's issues; those of a union carry the issues of each branch, relative to the union. */
interface SchemaIssue {
  readonly code?: string | undefined;
  readonly path: Path;
  readonly message: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly errors?: readonly (readonly SchemaIssue[])[];
}

/** `data` is what was checked, and `at` where it stands in its file. */
export function toIssues(found: readonly SchemaIssue[], data: unknown, at: Path = []): readonly Issue[] {
  const issues = found.flatMap((issue) => {
    const path = [...at, ...issue.path];
    const value = valueAt(data, issue.path);
    if (issue.code === "unrecognized_keys") return unknownKeys(issue, value, path);
    if (issue.code === "invalid_union") return unionIssues(issue, value, path);
    return [plainIssue(issue, value, path)];
  });
  return withoutMisspelt(issues);
}

/** A misspelt key is one mistake: that the right one is missing then needs no saying. */
function withoutMisspelt(issues: readonly Issue[]): readonly Issue[] {
  const meant = new Set(
    issues.filter((issue) => issue.isKey).map(({ path, hint }) => `${formatPath(path.slice(0, -1))}: ${hint ?? ""}`),
  );
  return issues.filter(({ path, message }) => {
    const wanted = `${formatPath(path.slice(0, -1))}: did you mean ${String(path.at(-1))}?`;
    return !(message.startsWith("is missing") && meant.has(wanted));
  });
}

function unknownKeys(issue: SchemaIssue, parent: unknown, path: Path): readonly Issue[] {
  return (issue.keys ?? []).map((key) => ({
    path: [...path, key],
    message: "is not known here",
    hint: hintForKey(key, valueAt(parent, [key]), path),
    ...clashOf(key, parent, path),
    isKey: true,
  }));
}

/** Only the branch that was meant is worth reporting: the one that knows most of the keys, and misses least of its own. */
function unionIssues(issue: SchemaIssue, value: unknown, path: Path): readonly Issue[] {
  const branches = (issue.errors ?? []).filter((branch) => !branch.some(isOfAnotherKind));
  const [best] = branches
    .map((branch) => ({ branch, missing: countMissing(branch, value), unknown: unknownIn(branch) }))
    .sort((left, right) => countKeys(left.unknown) - countKeys(right.unknown) || left.missing - right.missing);
  if (best === undefined) {
    const values = (issue.errors ?? []).flat().flatMap((inner) => inner.values ?? []);
    return [plainIssue({ ...issue, values }, value, path)];
  }
  const telling = best.missing > 0 && best.unknown.length > 0 ? best.unknown : best.branch;
  return toIssues(telling, value, path);
}

function isOfAnotherKind(issue: SchemaIssue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_union") return (issue.errors ?? []).every((branch) => branch.some(isOfAnotherKind));
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

function countMissing(branch: readonly SchemaIssue[], value: unknown): number {
  return branch.filter((issue) => issue.path.length > 0 && valueAt(value, issue.path) === undefined).length;
}

function unknownIn(branch: readonly SchemaIssue[]): readonly SchemaIssue[] {
  return branch.filter((issue) => issue.code === "unrecognized_keys");
}

function countKeys(unknown: readonly SchemaIssue[]): number {
  return unknown.flatMap(({ keys = [] }) => keys).length;
}

function plainIssue(issue: SchemaIssue, value: unknown, path: Path): Issue {
  if (value === undefined) return { path, message: `is missing: it ${issue.message}` };
  return { path, message: `${issue.message}, but is ${inWords(value)}`, hint: hintForValue(issue, value) };
}

function hintForValue(issue: SchemaIssue, value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  if (issue.message === "wants true or false") return booleanHint(value);
  const words = (issue.values ?? []).filter((word) => typeof word === "string");
  const near = didYouMean(value, words);
  return near === null ? undefined : `did you mean ${near}?`;
}

/** YAML 1.1 took these for booleans, and many people still write them. */
function booleanHint(value: string): string | undefined {
  if (/^(y|yes|on|true)$/i.test(value)) return `write true: in YAML 1.2 ${value} is text`;
  if (/^(n|no|off|false)$/i.test(value)) return `write false: in YAML 1.2 ${value} is text`;
  return undefined;
}

/** A value as an error can show it: short, and on one line. */
export function inWords(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a map";
  if (typeof value === "function") return "a function";
  const text = typeof value === "string" ? JSON.stringify(value) : `${value as number | boolean}`;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** `entries.lights.options.queue`, `entries["proj.add(1)"].args[0]` */
export function formatPath(path: Path): string {
  return path.map(formatKey).join("").replace(/^\./, "");
}

function formatKey(key: PropertyKey): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[\w-]+$/.test(String(key)) ? `.${String(key)}` : `[${JSON.stringify(String(key))}]`;
}
