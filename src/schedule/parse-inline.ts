// Reads the YAML values that stand on one line and mean the same to everybody; declines whatever needs a real parser.

/** Thrown where the text may be good YAML, but is not of the plain kind. The full parser has the last word then. */
export class NotPlain extends Error {}

/** One plain value, or a flow list or map, up to the end of the line or a comment. */
export function readInline(text: string): unknown {
  const cursor: Cursor = { text, at: 0, depth: 0 };
  const value = readValue(cursor, blockWord);
  // A comment needs a space before it, which may have been taken along with the value.
  endPattern.lastIndex = cursor.at;
  if (!endPattern.test(text)) throw new NotPlain();
  return value;
}

/** The text that a key becomes, with or without quotes. */
export function readKey(text: string): string {
  const value = /^["']/.test(text) ? text.slice(1, -1) : resolve(text);
  if (value === null || value === "__proto__") throw new NotPlain();
  return String(value);
}

interface Cursor {
  readonly text: string;
  at: number;
  depth: number;
}

/** Each level is a call within a call, of which there is room for some thousands only. */
const MAX_DEPTH = 100;

// What is left out of these (such as `#`, `&`, `!`, `|` and, inside brackets, the comma) has a meaning of its own.
const blockWord = /[\w./+-](?:[\w./+@*,()=% -]|:(?=[\w/]))*/y;
const flowWord = /[\w./+-](?:[\w./+@*()=% -]|:(?=[\w/]))*/y;
const endPattern = / *(?:(?<= )#.*)?$/y;
const quoted = /"([^"\\\t]*)"|'([^'\t]*)'(?!')/y;
const flowKey = /(?:("[^"\\\t]*"|'[^'\t]*')|([A-Za-z_][\w./-]*)): +/y;

function readValue(cursor: Cursor, word: RegExp): unknown {
  const first = cursor.text[cursor.at];
  if (first === "[") return readList(cursor);
  if (first === "{") return readMap(cursor);
  if (first === '"' || first === "'") {
    const [, double, single] = take(cursor, quoted);
    return double ?? single ?? "";
  }
  return resolve(take(cursor, word)[0].trimEnd());
}

function readList(cursor: Cursor): readonly unknown[] {
  const items: unknown[] = [];
  readItems(cursor, "]", () => items.push(readValue(cursor, flowWord)));
  return items;
}

function readMap(cursor: Cursor): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  readItems(cursor, "}", () => {
    const [, inQuotes, plain] = take(cursor, flowKey);
    const key = readKey(inQuotes ?? plain ?? "");
    if (Object.hasOwn(map, key)) throw new NotPlain();
    map[key] = readValue(cursor, flowWord);
  });
  return map;
}

function readItems(cursor: Cursor, end: string, readItem: () => void): void {
  cursor.at += 1;
  cursor.depth += 1;
  if (cursor.depth > MAX_DEPTH) throw new NotPlain();
  skipSpaces(cursor);
  let next = cursor.text[cursor.at];
  if (next === end) cursor.at += 1;
  while (next !== end) {
    readItem();
    skipSpaces(cursor);
    next = cursor.text[cursor.at];
    cursor.at += 1;
    if (next === end) break;
    if (next !== ",") throw new NotPlain();
    skipSpaces(cursor);
  }
  cursor.depth -= 1;
}

function skipSpaces(cursor: Cursor): void {
  while (cursor.text[cursor.at] === " ") cursor.at += 1;
}

function take(cursor: Cursor, pattern: RegExp): RegExpExecArray {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (match === null) throw new NotPlain();
  cursor.at = pattern.lastIndex;
  return match;
}

const constants: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...["null", "Null", "NULL"].map((word) => [word, null] as const),
  ...["true", "True", "TRUE"].map((word) => [word, true] as const),
  ...["false", "False", "FALSE"].map((word) => [word, false] as const),
]);

/** What YAML 1.2 makes of a word without quotes. Numbers in any but the common notations are declined. */
function resolve(word: string): string | number | boolean | null {
  const constant = constants.get(word);
  if (constant !== undefined) return constant;
  if (/^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?$/.test(word)) return Number(word);
  if (/^[-+]?(?:0[ox]|\.?\d[\d.]*(?:[eE][-+]?\d+)?$|\.(?:inf|nan)$)/i.test(word)) throw new NotPlain();
  if (/^(?:-{1,3}(?: |$)|\.\.\.)/.test(word)) throw new NotPlain();
  return word;
}
