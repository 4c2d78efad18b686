// Reads YAML for its values, and tells for any path in them at which line and column it stands.
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Document, Node, Pair, YAMLError, YAMLMap } from "yaml";
import type { Problem } from "../error.ts";
import { messageOf } from "../error.ts";
import { findCircularAlias, findDeepest, findHeaviestAlias, findUnresolvedAlias } from "./alias.ts";
import { findKeyProblems } from "./duplicate.ts";
import type { Position } from "./positions-node.ts";
import { keyText, startOf } from "./positions-node.ts";
import type { Issue } from "./schema-issues.ts";
import { formatPath } from "./schema-issues.ts";

export interface YamlSource {
  readonly value: unknown;
  /** Mistakes in the YAML itself: syntax, duplicate keys, unknown aliases and tags. */
  readonly problems: readonly Problem[];
  /** The nearest that exists, where the path leads nowhere: a missing key stands at the map that misses it. */
  position(issue: Pick<Issue, "path" | "isKey" | "offset">): Position;
}

/** How often aliases may multiply what they stand for, before it is taken for an attack. */
const maxAliasCount = 1_000_000;

export function readYaml(text: string, file: string): YamlSource {
  try {
    return readDocument(text, file);
  } catch (error) {
    // The parser descends a call at a time, and has run out of room for calls.
    if (!(error instanceof RangeError)) throw error;
    return unreadable(text, file);
  }
}

function unreadable(text: string, file: string): YamlSource {
  const before = text.slice(0, findDeepest(text)).split("\n");
  const place = { line: before.length, column: (before.at(-1) ?? "").length + 1 };
  return { value: null, problems: [{ file, message: "this is nested too deeply", ...place }], position: () => place };
}

function readDocument(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  // The duplicate check of the library takes a time that grows with the square of the entries; ours names both places.
  const document = parseDocument(text, { lineCounter: lines, merge: true, uniqueKeys: false, logLevel: "error" });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.some(({ message }) => message.includes("call stack"))) return unreadable(text, file);
  const problems: Problem[] = [
    ...distinctByLine(faults.map((fault) => syntaxProblem(fault, text, { file, ...at(fault.pos[0]) }))),
    ...findKeyProblems(document.contents, at).map((problem) => ({ file, ...problem })),
  ];
  const read = toValue(document);
  if ("fault" in read && problems.length === 0) problems.push({ file, ...read.fault, ...at(read.offset) });
  return {
    value: "value" in read ? read.value : null,
    problems,
    position: (issue) => at(offsetOf(document, issue, text)),
  };
}

/** `file:line:column: entries.lights.schedule: what is wrong (what to write)`, in the order of the lines. */
export function placeIssues(issues: readonly Issue[], file: string, source: YamlSource): readonly Problem[] {
  const problems = issues.map((issue) => {
    const path = formatPath(issue.path);
    const message = path === "" ? issue.message : `${path}: ${issue.message}`;
    return { message, hint: issue.hint, file, ...source.position(issue) };
  });
  return sortByPlace(problems);
}

export function sortByPlace(problems: readonly Problem[]): readonly Problem[] {
  const order = ({ line = 0, column = 0 }: Problem): number => line * 1_000_000 + column;
  return [...problems].sort((left, right) => order(left) - order(right));
}

type Fault = Pick<Problem, "message" | "hint">;

function toValue(document: Document.Parsed): { value: unknown } | { fault: Fault; offset: number } {
  try {
    return { value: document.toJS({ maxAliasCount }) as unknown };
  } catch (error) {
    if (error instanceof RangeError)
      return { fault: { message: "refers to itself" }, offset: circularOffset(document, error) };
    const unresolved = findUnresolvedAlias(document);
    if (unresolved !== null) {
      const message = `there is no anchor &${unresolved.source} before *${unresolved.source}`;
      return { fault: { message }, offset: startOf(unresolved) ?? 0 };
    }
    const offset = startOf(findHeaviestAlias(document)) ?? 0;
    return { fault: isAliasBomb(error) ? tooManyAliases : { message: messageOf(error) }, offset };
  }
}

/** Without a circle, it is the depth that was too much. */
function circularOffset(document: Document.Parsed, error: RangeError): number {
  const offset = startOf(findCircularAlias(document));
  if (offset === null) throw error;
  return offset;
}

function isAliasBomb(error: unknown): boolean {
  return messageOf(error).startsWith("Excessive alias count");
}

const tooManyAliases: Fault = {
  message: "too many aliases: together they stand for more than a million values",
  hint: "write the values out, or use fewer aliases of aliases",
};

function syntaxProblem(fault: YAMLError, text: string, place: Position & { readonly file: string }): Problem {
  const { file, line, column } = place;
  const lineStart = text.lastIndexOf("\n", fault.pos[0] - 1) + 1;
  const source = text.slice(lineStart).split("\n", 1)[0] ?? "";
  const crontab = /^([^"']*?:\s+)([*@][^#{}[\]]*)/.exec(source);
  if (crontab !== null) {
    const [, before = "", value = ""] = crontab;
    const message = `a value that begins with ${value.charAt(0)} needs quotes`;
    return { message, hint: `write "${value.trim()}"`, file, line, column: before.length + 1 };
  }
  const [said = ""] = fault.message.split(/:? at line \d+|\n/);
  const message = fault.code === "MULTIPLE_DOCS" ? "a second document begins here" : said;
  return { message, hint: syntaxHint(fault, message), file, line, column };
}

function syntaxHint(fault: YAMLError, message: string): string | undefined {
  if (fault.code === "TAB_AS_INDENT") return "indent with spaces";
  if (fault.code === "MULTIPLE_DOCS") return "put each document in a file of its own";
  if (fault.code === "BLOCK_AS_IMPLICIT_KEY") return "put text with a colon in quotes";
  if (fault.code === "TAG_RESOLVE_FAILED") return "leave the tag out, or put the text in quotes";
  if (message.startsWith("Implicit map keys")) return "a colon and a space come between a key and its value";
  return undefined;
}

/** One slip in YAML is often reported once per token; the first report of a line says it all. */
function distinctByLine(problems: readonly Problem[]): readonly Problem[] {
  const lines = new Set<number | undefined>();
  return problems.filter((problem) => !lines.has(problem.line) && lines.add(problem.line));
}

function offsetOf(document: Document.Parsed, issue: Pick<Issue, "path" | "isKey" | "offset">, text: string): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, key] of issue.path.entries()) {
    const child = childOf(document, isAlias(node) ? node.resolve(document) : node, key);
    if (child === null) return offset;
    node = isPair(child) ? child.value : child;
    const isKey = issue.isKey === true && depth === issue.path.length - 1;
    offset = offsetOfChild(child, isKey || isCollection(node)) ?? offset;
  }
  return offset + offsetInScalar(node, issue.offset ?? 0, text);
}

function offsetOfChild(child: Pair | Node, wantsKey: boolean): number | null {
  if (!isPair(child)) return startOf(child);
  const key = startOf(child.key);
  return wantsKey ? (key ?? startOf(child.value)) : (startOf(child.value) ?? key);
}

/** Of a map or list, the key is the better place to point at. */
function isCollection(node: unknown): boolean {
  return isMap(node) || isSeq(node) || (isScalar(node) && node.value === null);
}

function childOf(document: Document.Parsed, container: unknown, key: PropertyKey): Pair | Node | null {
  if (isSeq(container)) return (container.items[Number(key)] as Node | undefined) ?? null;
  if (!isMap(container)) return null;
  return pairOf(container, key) ?? mergedPair(document, container, key);
}

function pairOf(map: YAMLMap, key: PropertyKey): Pair | null {
  const wanted = String(key);
  return map.items.findLast((pair) => keyText(pair.key) === wanted) ?? null;
}

function mergedPair(document: Document.Parsed, map: YAMLMap, key: PropertyKey): Pair | null {
  const merge = pairOf(map, "<<");
  const merged = isSeq(merge?.value) ? merge.value.items : [merge?.value];
  for (const item of merged) {
    const source = isAlias(item) ? item.resolve(document) : item;
    const found = isMap(source) ? childOf(document, source, key) : null;
    if (found !== null) return isPair(found) ? found : merge;
  }
  return null;
}

/** Only where the text stands in the file as it is can a place inside of it be told. */
function offsetInScalar(node: unknown, offset: number, text: string): number {
  if (offset === 0 || !isScalar(node) || typeof node.value !== "string") return 0;
  const start = startOf(node);
  if (start === null) return 0;
  const quote = node.type === "PLAIN" ? 0 : 1;
  return text.startsWith(node.value, start + quote) ? quote + offset : 0;
}
