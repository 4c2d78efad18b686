// Reads the JSON that Python and kombu write: marked dates and bytes, integers of any size, bare NaN and Infinity.
import { LovageError, messageOf } from "../error.ts";
import { parseIso } from "./iso-time.ts";

/** Nothing that needs more than JSON.parse can be in a text without one of these. */
const NEEDS_CARE = /__type__|NaN|Infinity|(?<![.\d])\d{16}/;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/**
 * The value of a JSON text, as kombu 5.6 reads it. `datetime` becomes a Date (to the millisecond; one without an offset
 * counts as UTC), `bytes` and `base64` a Uint8Array; `date`, `time`, `decimal` and `uuid` stay text, for want of such
 * types. An integer whose digits a number would not give back becomes a bigint: 2^63 does, 1e16 does not.
 *
 * @throws {LovageError} when the text is not JSON, or carries a mark nobody knows
 */
export function readJson(text: string): unknown {
  if (!NEEDS_CARE.test(text)) return parse(text);
  return revive(parse(text.replace(TOKEN, markToken)));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new LovageError("config", `not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** Numbers that JSON.parse refuses or bends travel through it in a mark of their own. */
function markToken(token: string): string {
  if (token.startsWith('"')) return token;
  if (token.endsWith("N") || token.endsWith("y")) return `{"__type__":"float","__value__":"${token}"}`;
  if (/[.eE]/.test(token) || String(Number(token)) === token) return token;
  return `{"__type__":"integer","__value__":"${token}"}`;
}

function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(revive);
  const record = value as Record<string, unknown>;
  if (isMarked(record)) return unmark(record["__type__"], record["__value__"]);
  for (const key of Object.keys(record)) {
    const child = record[key];
    // JSON.parse makes even `__proto__` a property of its own, so this never reaches a prototype.
    if (typeof child === "object") record[key] = revive(child);
  }
  return record;
}

function isMarked(record: Record<string, unknown>): boolean {
  return "__type__" in record && "__value__" in record && Object.keys(record).length === 2;
}

function unmark(type: unknown, value: unknown): unknown {
  const read = typeof type === "string" && Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  const result = read?.(value);
  if (result === undefined) {
    throw new LovageError("config", `cannot read a value marked ${JSON.stringify(type)}: ${JSON.stringify(value)}`);
  }
  return result;
}

const asText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const READERS: Readonly<Record<string, (value: unknown) => unknown>> = Object.freeze({
  datetime: readDatetime,
  bytes: (value: unknown) => readBytes(value, "utf8"),
  base64: (value: unknown) => readBytes(value, "base64"),
  uuid: readUuid,
  date: asText,
  time: asText,
  decimal: asText,
  float: (value: unknown) => Number(value),
  integer: (value: unknown) => BigInt(value as string),
});

function readDatetime(value: unknown): Date | undefined {
  const time = typeof value === "string" ? parseIso(value) : null;
  return time === null ? undefined : new Date(Math.floor(time.utcAt));
}

function readBytes(value: unknown, encoding: "utf8" | "base64"): Uint8Array | undefined {
  // A copy, so that the caller gets a Uint8Array of its own and not a window on Node's shared buffer pool.
  return typeof value === "string" ? new Uint8Array(Buffer.from(value, encoding)) : undefined;
}

function readUuid(value: unknown): string | undefined {
  const hex = typeof value === "object" && value !== null ? (value as { hex?: unknown }).hex : undefined;
  if (typeof hex !== "string") return undefined;
  return hex.replaceAll("-", "").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
