// Python's repr of data, whole: the names of periodic tasks and of signatures are made of it.
import { isPlain, wireForm } from "./json-writer.ts";

const NEEDS_ESCAPE = /[\\\n\r\t]|(?! )[\p{C}\p{Z}]/gu;
const NAMED_ESCAPES: Readonly<Record<string, string>> = Object.freeze({
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
});

/** `repr(value)` in Python, for what the value becomes there: `{'a': [1, None, True]}`. */
export function pythonRepr(value: unknown): string {
  const atom = atomRepr(value);
  if (atom !== null) return atom;
  if (typeof value === "string") return quotePython(value);
  const form = dataOf(value as object);
  if (!isContainer(form)) return pythonRepr(form);
  if (Array.isArray(form)) return `[${form.map(pythonRepr).join(", ")}]`;
  const items = Object.entries(form).map(([key, child]) => `${quotePython(key)}: ${pythonRepr(child)}`);
  return `{${items.join(", ")}}`;
}

/** `proj.add(5, 10, z=1)`: a call as Celery shows it, and the name of a periodic task that was given none. */
export function reprCall(task: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): string {
  const given = args.map(pythonRepr);
  const named = Object.entries(kwargs).map(([key, value]) => `${key}=${pythonRepr(value)}`);
  return `${task}(${[...given, ...named].join(", ")})`;
}

function quotePython(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(NEEDS_ESCAPE, escapeCharacter);
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

function escapeCharacter(character: string): string {
  const named = NAMED_ESCAPES[character];
  if (named !== undefined) return named;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** The repr of anything but text and containers; null for those. */
export function atomRepr(value: unknown): string | null {
  if (typeof value === "string") return null;
  if (typeof value === "object" && value !== null) return objectRepr(value);
  if (typeof value === "number") return numberRepr(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "bigint" ? value.toString() : "None";
}

function objectRepr(value: object): string | null {
  if (value instanceof Uint8Array) return bytesRepr(value);
  return value instanceof Date && !Number.isNaN(value.getTime()) ? dateRepr(value) : null;
}

/** What Python reads from the JSON of a number: it turns to exponents at 1e-5 already, and writes two digits of them. */
function numberRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const small = value !== 0 && Math.abs(value) < 1e-4;
  return (small ? value.toExponential() : String(value)).replace(/e([-+])(\d)$/, "e$10$2");
}

/** As a worker has it, which reads it with the offset of UTC. */
function dateRepr(date: Date): string {
  const day = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const time = [date.getUTCHours(), date.getUTCMinutes()];
  const seconds = date.getUTCSeconds();
  const micros = date.getUTCMilliseconds() * 1000;
  if (seconds !== 0 || micros !== 0) time.push(seconds);
  if (micros !== 0) time.push(micros);
  return `datetime.datetime(${[...day, ...time].join(", ")}, tzinfo=datetime.timezone.utc)`;
}

function bytesRepr(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => byteRepr(byte)).join("");
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  return `b${quote}${quote === "'" ? text.replaceAll("'", "\\'") : text}${quote}`;
}

function byteRepr(byte: number): string {
  const character = String.fromCharCode(byte);
  const named = NAMED_ESCAPES[character];
  if (named !== undefined) return named;
  return byte >= 0x20 && byte < 0x7f ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** What Python gets of an object: itself, or what its `toJSON()` gives. */
export function dataOf(value: object): unknown {
  if (Array.isArray(value) || isPlain(value)) return value;
  return wireForm(value) ?? null;
}

export function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && (Array.isArray(value) || isPlain(value));
}
