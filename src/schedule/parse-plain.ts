// Reads schedule files of the usual shape (maps by indentation, values on one line) some twenty times as fast as the full
// YAML parser, which is asked about each entry that is written otherwise. Wherever it gives an answer, it is the same one.
import { parseDocument } from "yaml";
import { findKeyProblems } from "./duplicate.ts";
import { NotPlain, readInline, readKey } from "./parse-inline.ts";

export interface PlainFile {
  /** All but the entries. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly entries: readonly PlainEntry[];
}

export interface PlainEntry {
  readonly name: string;
  readonly value: unknown;
  /** Of the name, counted from 1. */
  readonly line: number;
  readonly column: number;
}

/** Null where only the full parser can tell, be it what the text means or what is wrong with it. */
export function readPlainFile(text: string): PlainFile | null {
  try {
    return readFile({ lines: text.split("\n"), index: 0 });
  } catch (error) {
    if (error instanceof NotPlain) return null;
    throw error;
  }
}

interface Reader {
  readonly lines: readonly string[];
  index: number;
}

interface KeyLine {
  readonly indent: number;
  readonly key: string;
  readonly rest: string;
}

const keyPattern = /^( *)("[^"\\\t]*"|'[^'\t]*'|[A-Za-z0-9_][\w./-]*):(?: +(.*)| *)$/;
const emptyPattern = /^ *(?:#.*)?$/;

function readFile(reader: Reader): PlainFile {
  const head: Record<string, unknown> = {};
  let entries: readonly PlainEntry[] | null = null;
  skipEmpty(reader);
  if (reader.lines[reader.index] === "---") reader.index += 1;
  for (let line = peek(reader); line !== null; line = peek(reader)) {
    if (line.indent !== 0 || Object.hasOwn(head, line.key)) throw new NotPlain();
    reader.index += 1;
    if (line.key === "entries" && line.rest === "") {
      if (entries !== null) throw new NotPlain();
      entries = readEntries(reader);
    } else {
      head[line.key] = readValue(reader, line);
    }
  }
  return { head, entries: entries ?? [] };
}

function readEntries(reader: Reader): readonly PlainEntry[] {
  const entries: PlainEntry[] = [];
  const names = new Set<string>();
  const indent = peek(reader)?.indent ?? 0;
  if (indent === 0) return entries;
  for (let line = peek(reader); line !== null && line.indent > 0; line = peek(reader)) {
    if (line.indent !== indent || names.has(line.key)) throw new NotPlain();
    names.add(line.key);
    const start = reader.index;
    const value = readEntry(reader, line);
    entries.push({ name: line.key, value, line: start + 1, column: indent + 1 });
  }
  return entries;
}

function readEntry(reader: Reader, line: KeyLine): unknown {
  const start = reader.index;
  try {
    reader.index += 1;
    return readValue(reader, line);
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    reader.index = start;
    return readByFullParser(reader, line);
  }
}

/** An entry is a document of its own, as long as it needs no anchor from elsewhere. */
function readByFullParser(reader: Reader, line: KeyLine): unknown {
  const start = reader.index;
  reader.index += 1;
  while (reader.index < reader.lines.length && belongsBelow(reader.lines[reader.index] ?? "", line.indent)) {
    reader.index += 1;
  }
  try {
    const document = parseDocument(reader.lines.slice(start, reader.index).join("\n"), {
      merge: true,
      logLevel: "error",
    });
    const keyProblems = findKeyProblems(document.contents, () => nowhere);
    if (document.errors.length + document.warnings.length + keyProblems.length > 0) throw new NotPlain();
    const map = document.toJS() as Readonly<Record<string, unknown>>;
    const [name, ...others] = Object.keys(map);
    if (name === line.key && others.length === 0) return map[name];
  } catch {
    // An alias to elsewhere, which only the whole file can resolve, or more levels than a parser can descend.
  }
  throw new NotPlain();
}

const nowhere = { line: 0, column: 0 };

/** Each level is a call within a call, of which there is room for some thousands only. */
const MAX_INDENT = 1000;

function belongsBelow(text: string, indent: number): boolean {
  return text.search(/[^ ]/) > indent || emptyPattern.test(text);
}

function readValue(reader: Reader, line: KeyLine): unknown {
  const next = peekIndent(reader);
  if (line.rest === "" || line.rest.startsWith("#"))
    return next > line.indent ? readBlock(reader, next) : nothing(reader, line);
  const value = readInline(line.rest);
  // A deeper line would carry the value on.
  if (next > line.indent) throw new NotPlain();
  return value;
}

/** A list may stand as far to the left as its key; that is left to the full parser. */
function nothing(reader: Reader, line: KeyLine): null {
  if (peekIndent(reader) === line.indent && /^ *-(?: |$)/.test(reader.lines[reader.index] ?? "")) throw new NotPlain();
  return null;
}

function readBlock(reader: Reader, indent: number): unknown {
  if (indent > MAX_INDENT) throw new NotPlain();
  return /^ *- /.test(reader.lines[reader.index] ?? "") ? readList(reader, indent) : readMap(reader, indent);
}

function readMap(reader: Reader, indent: number): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (let line = peek(reader); line !== null && line.indent >= indent; line = peek(reader)) {
    if (line.indent > indent || Object.hasOwn(map, line.key)) throw new NotPlain();
    reader.index += 1;
    map[line.key] = readValue(reader, line);
  }
  return map;
}

function readList(reader: Reader, indent: number): readonly unknown[] {
  const items: unknown[] = [];
  for (let next = peekIndent(reader); next >= indent; next = peekIndent(reader)) {
    const item = /^ *- +(.*)$/.exec(reader.lines[reader.index] ?? "")?.[1];
    if (next > indent || item === undefined) throw new NotPlain();
    items.push(readInline(item));
    reader.index += 1;
  }
  return items;
}

/** The next line that says something, which has to be a key; null at the end. */
function peek(reader: Reader): KeyLine | null {
  skipEmpty(reader);
  const text = reader.lines[reader.index];
  if (text === undefined) return null;
  const match = keyPattern.exec(text);
  if (match === null) throw new NotPlain();
  const [, spaces = "", key = "", rest = ""] = match;
  return { indent: spaces.length, key: readKey(key), rest };
}

/** The indentation of the next line that says something; -1 at the end. */
function peekIndent(reader: Reader): number {
  skipEmpty(reader);
  return (reader.lines[reader.index] ?? "").search(/[^ ]/);
}

function skipEmpty(reader: Reader): void {
  while (reader.index < reader.lines.length && emptyPattern.test(reader.lines[reader.index] ?? "")) reader.index += 1;
}
