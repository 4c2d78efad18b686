// Writes data as Python's json.dumps writes it, byte for byte, with kombu's marks for dates and bytes, in one pass that
// also refuses what is not data: JSON.stringify would drop or bend such values without a word.
import { isUtf8 } from "node:buffer";
import { LovageError } from "../error.ts";
import { isoFormat } from "./iso-time.ts";

/** Python's own reader gives up at about a thousand levels. */
const MAX_DEPTH = 500;
const MAX_PATH_SHOWN = 80;
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;
// oxlint-disable-next-line no-control-regex -- DEL is what Python escapes and JSON.stringify does not
const BEYOND_ASCII = /[\x7f-\uffff]/g;
const REFUSED = Symbol("refused");

/**
 * The JSON text of a value as Python's `json.dumps` writes it (`", "` and `": "` between parts, ASCII only), with kombu
 * 5.6's marks: a Date is `{"__type__": "datetime", ...}`, a Uint8Array `bytes` (when it is UTF-8) or `base64`, a bigint
 * is written in full. Objects with a `toJSON()` are asked for it.
 *
 * @param name what to call the value in an error: `args`, `options.headers`
 * @throws {LovageError} naming the place of the first thing that is not data: functions, undefined, NaN and Infinity
 *   (Python would write them bare, which no other JSON reader takes), Map, Set, class instances, cycles.
 */
export function writeJson(value: unknown, name = "value"): string {
  try {
    return write(value, 0);
  } catch (error) {
    if (error === REFUSED) throw findFault(value, name, 0) ?? refusal(name, "cannot be written as JSON");
    throw error;
  }
}

/** A JSON string literal, ASCII only. */
export function quoteJson(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text).replace(BEYOND_ASCII, escapeUnit);
}

/** Messages say the same few words over and over; a cache of those takes a quarter off the time to write one. */
const quotedKeys = new Map<string, string>();
const MAX_QUOTED_KEYS = 1000;

function quoteKey(key: string): string {
  const known = quotedKeys.get(key);
  if (known !== undefined) return known;
  const quoted = quoteJson(key);
  if (quotedKeys.size < MAX_QUOTED_KEYS && key.length < 100) quotedKeys.set(key, quoted);
  return quoted;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function write(value: unknown, depth: number): string {
  if (typeof value === "string") return quoteJson(value);
  if (typeof value === "object") return value === null ? "null" : writeObject(value, depth + 1);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  throw REFUSED;
}

function writeObject(value: object, depth: number): string {
  if (depth > MAX_DEPTH) throw REFUSED;
  if (Array.isArray(value)) return writeArray(value, depth);
  if (!isPlain(value)) {
    const form = wireForm(value);
    if (form === undefined) throw REFUSED;
    return write(form, depth);
  }
  const record = value as Record<string, unknown>;
  let text = "";
  for (const key of Object.keys(record)) {
    text += `${text === "" ? "" : ", "}${quoteKey(key)}: ${write(record[key], depth)}`;
  }
  return `{${text}}`;
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = "";
  // By index, so that a hole is refused as the undefined it is.
  for (let index = 0; index < items.length; index += 1) {
    text += index === 0 ? write(items[index], depth) : `, ${write(items[index], depth)}`;
  }
  return `[${text}]`;
}

/** An object literal, of this realm or another, that does not speak for itself. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const literal = prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
  return literal && typeof (value as { toJSON?: unknown }).toJSON !== "function";
}

/** What stands for an object on the wire; undefined when nothing does. */
export function wireForm(value: object): unknown {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? undefined : marked("datetime", isoFormat(value.getTime()));
  }
  if (value instanceof Uint8Array) return bytesForm(value);
  const speaker = value as { toJSON?: unknown };
  return typeof speaker.toJSON === "function" ? (speaker.toJSON() as unknown) : undefined;
}

function bytesForm(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? marked("bytes", buffer.toString("utf8")) : marked("base64", buffer.toString("base64"));
}

function marked(type: string, value: string): unknown {
  return { __type__: type, __value__: value };
}

/** The slow second walk, only taken to say where and why. */
function findFault(value: unknown, path: string, depth: number): LovageError | null {
  if (depth > MAX_DEPTH) {
    const place = `${path.slice(0, MAX_PATH_SHOWN)}...`;
    return refusal(place, `refers back to itself, or is more than ${MAX_DEPTH} levels deep`);
  }
  if (typeof value !== "object" || value === null) return faultOfLeaf(value, path);
  if (Array.isArray(value)) {
    return firstFault([...value.keys()], (index) => findFault(value[index], `${path}[${index}]`, depth + 1));
  }
  if (!isPlain(value)) {
    const form = wireForm(value);
    return form === undefined ? faultOfObject(value, path) : findFault(form, path, depth + 1);
  }
  return firstFault(Object.entries(value), ([key, child]) => findFault(child, childPath(path, key), depth + 1));
}

function firstFault<T>(items: readonly T[], find: (item: T) => LovageError | null): LovageError | null {
  for (const item of items) {
    const fault = find(item);
    if (fault !== null) return fault;
  }
  return null;
}

function childPath(path: string, key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function faultOfLeaf(value: unknown, path: string): LovageError | null {
  if (typeof value === "undefined") return refusal(path, "is undefined", "write null, or leave it out");
  if (typeof value === "function") return refusal(path, "is a function: tasks take data only");
  if (typeof value === "symbol") return refusal(path, "is a symbol: tasks take data only");
  if (typeof value === "number" && !Number.isFinite(value)) {
    return refusal(path, `is ${value}, and JSON has no such number`, "send null, or the word as text");
  }
  return null;
}

function faultOfObject(value: object, path: string): LovageError {
  if (value instanceof Date) return refusal(path, "is an invalid Date");
  if (value instanceof Map) return refusal(path, "is a Map", "send Object.fromEntries(map)");
  if (value instanceof Set) return refusal(path, "is a Set", "send [...set]");
  if (value instanceof Promise) return refusal(path, "is a Promise", "await it first");
  const kind = value.constructor?.name ?? "object";
  return refusal(
    path,
    `is an instance of ${kind}: tasks take data only`,
    "send a plain object, or give it a toJSON() method",
  );
}

function refusal(path: string, reason: string, hint?: string): LovageError {
  return new LovageError("config", `${path} ${reason}`, { hint });
}
