// The argsrepr and kwargsrepr headers: Celery's own short form of repr, cut at the same character as Celery cuts it.
import { isUtf8 } from "node:buffer";
import { atomRepr, dataOf, isContainer } from "./repr.ts";

const MAX_LEVELS = 3;

/** How far the text has come. Once `full`, only the brackets that are open are still closed. */
interface Cut {
  text: string;
  room: number;
  full: boolean;
}

/**
 * `celery.utils.saferepr(value, limit)`: text in single quotes without escapes, containers to three levels, and about
 * `limit` characters in all. Unlike Python's, arrays are always lists.
 */
export function saferepr(value: unknown, limit = 1024): string {
  const cut = { text: "", room: limit, full: false };
  addValue(cut, value, 0);
  return cut.text;
}

function addValue(cut: Cut, value: unknown, level: number): void {
  if (cut.full) return;
  if (typeof value === "string") add(cut, quoted(value, cut.room));
  else if (value instanceof Uint8Array) add(cut, bytesText(value, cut.room));
  else addOther(cut, value, level);
}

function addOther(cut: Cut, value: unknown, level: number): void {
  const atom = atomRepr(value);
  if (atom !== null) {
    add(cut, truncate(atom, cut.room));
    return;
  }
  const form = dataOf(value as object);
  if (isContainer(form)) addContainer(cut, form, level);
  else addValue(cut, form, level);
}

function addContainer(cut: Cut, container: object, level: number): void {
  const isList = Array.isArray(container);
  if (level >= MAX_LEVELS) {
    add(cut, truncate(isList ? "[...]" : "{...}", cut.room));
    return;
  }
  add(cut, isList ? "[" : "{");
  if (isList) addItems(cut, container, level + 1);
  else addEntries(cut, container as Record<string, unknown>, level + 1);
  close(cut, isList ? "]" : "}");
}

function addItems(cut: Cut, items: readonly unknown[], level: number): void {
  for (let index = 0; index < items.length && !cut.full; index += 1) {
    if (index > 0) add(cut, ", ");
    addValue(cut, items[index], level);
  }
}

function addEntries(cut: Cut, record: Readonly<Record<string, unknown>>, level: number): void {
  let first = true;
  for (const key of Object.keys(record)) {
    if (cut.full) return;
    if (!first) add(cut, ", ");
    first = false;
    add(cut, quoted(key, cut.room));
    add(cut, ": ");
    addValue(cut, record[key], level);
  }
}

/** The part that finds no room is lost, be it a bracket: that is how Celery has it. */
function add(cut: Cut, part: string): void {
  if (cut.full) return;
  if (cut.room > 0) {
    cut.text += part;
    cut.room -= lengthOf(part);
  } else {
    cut.full = true;
    cut.text += ", ...";
  }
}

function close(cut: Cut, bracket: string): void {
  if (cut.full) cut.text += bracket;
  else add(cut, bracket);
}

function quoted(text: string, room: number): string {
  return `'${truncate(text, room).replaceAll("'", "\\'")}'`;
}

/** The text of the bytes where they are UTF-8, else their hexadecimal digits. */
function bytesText(bytes: Uint8Array, room: number): string {
  const cut = bytes.length > room;
  const buffer = Buffer.from(cut ? bytes.subarray(0, Math.max(0, room)) : bytes);
  return `b'${buffer.toString(isUtf8(buffer) ? "utf8" : "hex")}${cut ? "..." : ""}'`;
}

/** Cuts at the last space before the limit, where there is one. */
function truncate(text: string, limit: number): string {
  if (limit <= 0 || text.length < limit || lengthOf(text) < limit) return text;
  const head = Array.from(text).slice(0, limit).join("");
  const space = head.lastIndexOf(" ");
  return `${space < 0 ? head : head.slice(0, space)}...`;
}

/** In characters as Python counts them: a surrogate pair is one. */
function lengthOf(text: string): number {
  let pairs = 0;
  for (let index = 1; index < text.length; index += 1) {
    if (isLow(text.charCodeAt(index)) && isHigh(text.charCodeAt(index - 1))) pairs += 1;
  }
  return text.length - pairs;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
