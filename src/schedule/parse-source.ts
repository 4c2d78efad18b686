// Gets the values out of a schedule file's text, the quick way where it can, and says where in the text each one stands.
import type { Problem } from "../error.ts";
import { ConfigError } from "../error.ts";
import { readPlainFile } from "./parse-plain.ts";
import { placeIssues, readYaml, sortByPlace } from "./positions.ts";
import type { YamlSource } from "./positions.ts";
import type { Issue } from "./schema-issues.ts";
import { formatPath, inWords } from "./schema-issues.ts";

export interface EntrySource {
  readonly name: string;
  readonly value: unknown;
  /** Of the name, counted from 1. */
  readonly line: number;
  readonly column: number;
}

export interface FileSource {
  /** All but the entries; not yet known to be of any shape. */
  readonly head: unknown;
  readonly entries: readonly EntrySource[];
  /** The issues at their places, in the order of the lines, each once. */
  place(issues: readonly Issue[]): readonly Problem[];
}

/** @throws ConfigError for mistakes in the YAML itself, and for entries that are no map. */
export function readSource(text: string, file: string): FileSource {
  return readQuickly(text, file) ?? readCarefully(text, file);
}

function readQuickly(text: string, file: string): FileSource | null {
  const plain = readPlainFile(text);
  if (plain === null || Object.hasOwn(plain.head, "entries")) return null;
  return { ...plain, place: (issues) => sortByPlace(placeByEntry(distinct(issues), plain.entries, { text, file })) };
}

/** Only the entries with mistakes are read once more, with positions: a large file with a slip is answered at once. */
function placeByEntry(
  issues: readonly Issue[],
  entries: readonly EntrySource[],
  { text, file }: { readonly text: string; readonly file: string },
): readonly Problem[] {
  const lines = text.split("\n");
  const ofEntry = (name: string): readonly Issue[] =>
    issues.filter(({ path }) => path[0] === "entries" && path[1] === name);
  const ofHead = issues.filter(({ path }) => path[0] !== "entries");
  const names = new Set(issues.map(({ path }) => path[1]));
  const placed = entries.flatMap((entry, index) => {
    if (!names.has(entry.name)) return [];
    const part = lines.slice(entry.line - 1, (entries[index + 1]?.line ?? lines.length + 1) - 1);
    return placeIssues(ofEntry(entry.name), file, readPart(part, entry.line - 1, file));
  });
  return ofHead.length === 0 ? placed : [...placeIssues(ofHead, file, readYaml(text, file)), ...placed];
}

/** Lines of entries alone, as the source they came from: `skipped` lines stand before them there. */
function readPart(lines: readonly string[], skipped: number, file: string): YamlSource {
  const source = readYaml(["entries:", ...lines].join("\n"), file);
  const position: YamlSource["position"] = (issue) => {
    const { line, column } = source.position(issue);
    return { line: line - 1 + skipped, column };
  };
  return { ...source, position };
}

function readCarefully(text: string, file: string): FileSource {
  const source = readYaml(text, file);
  if (source.problems.length > 0) throw new ConfigError(source.problems);
  const place = (issues: readonly Issue[]): readonly Problem[] => placeIssues(distinct(issues), file, source);
  const value = source.value ?? {};
  if (!isMap(value)) {
    const message = `wants a map with timezone and entries, but is ${inWords(value)}`;
    throw new ConfigError(place([{ path: [], message }]));
  }
  const { entries = {}, ...head } = value;
  if (entries !== null && !isMap(entries)) {
    const message = `wants a map of names to entries, but is ${inWords(entries)}`;
    throw new ConfigError(place([{ path: ["entries"], message }]));
  }
  const list = Object.entries(entries ?? {}).map(([name, value]) => {
    return { name, value, ...source.position({ path: ["entries", name], isKey: true }) };
  });
  return { head, entries: list, place };
}

/** A mistake that several entries inherit is still one. */
function distinct(issues: readonly Issue[]): readonly Issue[] {
  return [...new Map(issues.map((issue) => [`${formatPath(issue.path)} ${issue.message}`, issue])).values()];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
