// An error as both languages can read it: what Celery keeps of an exception, and the error a client throws for it.
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { writeJson } from "./json-writer.ts";
import { pythonRepr } from "./repr.ts";
import type { ExceptionJson } from "./result-meta.ts";

/** An error that says itself what it is to Celery: all or some of these properties, beside those of an Error. */
export interface CeleryException {
  /** The name of the class there: `SoftTimeLimitExceeded`. */
  readonly celeryType?: string;
  /** Its module: `celery.exceptions`. */
  readonly celeryModule?: string;
  /** What it is made of there, instead of the message alone. */
  readonly celeryArgs?: readonly unknown[];
}

/** Python finds no module of this name and makes up a class with the error's name. */
const ownModule = "javascript";

/**
 * Exceptions that Python has under the same name and makes of a message alone: who catches a ValueError there also gets
 * ours. Those that end a process or a loop there (SystemExit, StopIteration) must not come from a result.
 */
const pythonNames = new Set(
  `ArithmeticError AssertionError AttributeError BlockingIOError BrokenPipeError BufferError ChildProcessError
  ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError EOFError Exception FileExistsError
  FileNotFoundError FloatingPointError IOError ImportError IndexError InterruptedError IsADirectoryError KeyError LookupError
  MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OverflowError PermissionError
  ProcessLookupError RecursionError RuntimeError SyntaxError SystemError TimeoutError TypeError UnboundLocalError ValueError
  ZeroDivisionError`.split(/\s+/),
);

const nativeNames = new Set(
  "Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError".split(" "),
);

const longestText = 10_000;
const longestArgs = 50_000;
const longestTraceback = 50_000;
const mostErrors = 10;

/**
 * What anything thrown is in a result. An Error gives its class name and its message; {@link CeleryException} properties
 * win over both. Whatever else was thrown is an `Error` with that as its argument. Never throws; the arguments are plain
 * JSON data, cut short where they are huge.
 */
export function exceptionJson(error: unknown): ExceptionJson {
  const { celeryType, celeryModule, celeryArgs } = declared(error);
  const type = celeryType ?? nameOf(error);
  return {
    exc_type: type,
    exc_message: safeArguments(celeryArgs ?? argumentsOf(error)),
    exc_module: celeryModule ?? (pythonNames.has(type) ? "builtins" : ownModule),
  };
}

/** As Python shows it: `ValueError('boom', 42)`. */
export function exceptionRepr(json: ExceptionJson): string {
  const type = json.exc_type.slice(json.exc_type.lastIndexOf(".") + 1);
  return `${type}(${argumentList(json.exc_message).map(pythonRepr).join(", ")})`;
}

/**
 * The stack for people, in either language: the newest call first, without frames of Node and of Lovage, with causes and
 * the parts of an AggregateError. Never throws.
 */
export function tracebackOf(error: unknown): string {
  const lines = ["Traceback (JavaScript, most recent call first):", ...describe(error, new Set(), "")];
  return cut(lines.join("\n"), longestTraceback) + "\n";
}

/**
 * The error of a task, thrown where its result is asked for. `name` is the name of its class, wherever that lives; the
 * message is the exception's only text, or else its arguments as Python shows them.
 */
export class RemoteError extends Error {
  readonly excType: string;
  readonly excModule: string;
  readonly excArgs: readonly unknown[];
  readonly #traceback: string | null;

  constructor(json: ExceptionJson, traceback: string | null) {
    const args = argumentList(json.exc_message);
    super(messageFrom(args));
    this.name = json.exc_type.slice(json.exc_type.lastIndexOf(".") + 1);
    this.excType = json.exc_type;
    this.excModule = json.exc_module;
    this.excArgs = args;
    this.#traceback = traceback;
    // Whoever prints the error should see where it comes from, not only where it was asked for.
    const own = `${String(this)}\n${framesOf(this.stack ?? "", "").join("\n")}`;
    this.stack = traceback === null ? own : `${own}\n\nIn the worker:\n${traceback.trimEnd()}`;
  }

  /** The text the worker kept of the stack, in the worker's language. */
  get traceback(): string | null {
    return this.#traceback;
  }

  // A task that lets it pass fails with the same exception.
  get celeryType(): string {
    return this.excType;
  }

  get celeryModule(): string {
    return this.excModule;
  }

  get celeryArgs(): readonly unknown[] {
    return this.excArgs;
  }
}

/** The error for what was kept of an exception, be it from Python or from here. */
export function errorFromJson(json: ExceptionJson, traceback: string | null = null): RemoteError {
  return new RemoteError(json, traceback);
}

/** Null when a value is not what Celery keeps of an exception. Older ones have a text in place of arguments. */
export function readException(value: unknown): ExceptionJson | null {
  if (typeof value !== "object" || value === null) return null;
  const { exc_type: type, exc_message: message, exc_module: module } = value as Partial<Record<string, unknown>>;
  if (typeof type !== "string") return null;
  const args = message === undefined || message === "" ? [] : argumentList(message);
  return { exc_type: type, exc_message: args, exc_module: typeof module === "string" ? module : "builtins" };
}

function argumentList(message: unknown): readonly unknown[] {
  return Array.isArray(message) ? message : [message];
}

function messageFrom(args: readonly unknown[]): string {
  const [first] = args;
  if (args.length === 1) return typeof first === "string" ? first : pythonRepr(first);
  return args.length === 0 ? "" : `(${args.map(pythonRepr).join(", ")})`;
}

function declared(error: unknown): CeleryException {
  const type = read(error, "celeryType");
  const module = read(error, "celeryModule");
  const args = read(error, "celeryArgs");
  return {
    ...(typeof type === "string" && type !== "" ? { celeryType: type } : {}),
    ...(typeof module === "string" ? { celeryModule: module } : {}),
    ...(Array.isArray(args) ? { celeryArgs: args } : {}),
  };
}

/** A name that was given, or that of the class: many a subclass of Error never says its own. */
function nameOf(error: unknown): string {
  if (!isError(error)) return "Error";
  const name = read(error, "name");
  if (typeof name === "string" && name !== "" && !nativeNames.has(name)) return cut(name, 200);
  const own = read(read(error, "constructor"), "name");
  if (typeof own === "string" && own !== "") return cut(own, 200);
  return typeof name === "string" && name !== "" ? name : "Error";
}

function argumentsOf(error: unknown): readonly unknown[] {
  if (!isError(error)) return [error ?? `${String(error)} was thrown`];
  const message = read(error, "message");
  return message === undefined || message === "" ? [] : [message];
}

function safeArguments(args: readonly unknown[]): readonly unknown[] {
  const safe = args.map(safeArgument);
  return JSON.stringify(safe).length <= longestArgs ? safe : [cut(show(args), longestText)];
}

function safeArgument(value: unknown): unknown {
  if (typeof value === "string") return cut(value, longestText);
  try {
    const text = writeJson(value);
    return text.length > longestArgs ? cut(show(value), longestText) : (JSON.parse(text) as unknown);
  } catch {
    return cut(show(value), longestText);
  }
}

/** A Proxy, or a getter of the error's, may throw at any touch. */
function read(value: unknown, key: string): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  try {
    return (value as Readonly<Record<string, unknown>>)[key];
  } catch {
    return undefined;
  }
}

function isError(value: unknown): value is Error {
  try {
    return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
  } catch {
    return false;
  }
}

function show(value: unknown): string {
  try {
    return inspect(value, { depth: 4, maxStringLength: longestText, breakLength: Number.POSITIVE_INFINITY });
  } catch {
    return "a value that cannot be shown";
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}... (${text.length} characters in all)`;
}

/** The lines for one error, the first of them behind `lead`, and for what lies behind it. */
function describe(error: unknown, seen: Set<unknown>, indent: string, lead = ""): readonly string[] {
  const start = `${indent}${lead}`;
  if (seen.has(error)) return [`${start}(an error already shown)`];
  if (seen.size >= mostErrors) return [`${start}(more errors behind it)`];
  if (typeof error === "object" && error !== null) seen.add(error);
  const stack = isError(error) ? read(error, "stack") : undefined;
  const frames = typeof stack === "string" ? framesOf(afterMessage(stack, error), indent) : [];
  const behind = read(error, "cause") ?? undefined;
  return [
    start + headline(error).replaceAll("\n", `\n${indent}`),
    ...frames,
    ...parts(error, seen, `${indent}  `),
    ...(behind === undefined ? [] : describe(behind, seen, indent, "Caused by: ")),
  ];
}

function parts(error: unknown, seen: Set<unknown>, indent: string): readonly string[] {
  const errors = read(error, "errors");
  if (nameOf(error) !== "AggregateError" || !Array.isArray(errors)) return [];
  return errors.slice(0, mostErrors).flatMap((part: unknown, index) => {
    return describe(part, seen, indent, `${index + 1} of ${errors.length}: `);
  });
}

/** `RangeError: too far`; remote errors and the like with all their arguments. */
function headline(error: unknown): string {
  const { exc_type: type, exc_message: args } = exceptionJson(error);
  const message = isError(error) ? read(error, "message") : undefined;
  const text = typeof message === "string" ? cut(message, longestText) : messageFrom(args);
  return text === "" ? type : `${type}: ${text}`;
}

/** A message of several lines may look like frames itself. */
function afterMessage(stack: string, error: unknown): string {
  const message = read(error, "message");
  if (typeof message !== "string" || message === "") return stack;
  const start = stack.indexOf(message);
  return start === -1 ? stack : stack.slice(start + message.length);
}

const ownFolderUrl = new URL("..", import.meta.url);
const ownFolders = [ownFolderUrl.href, fileURLToPath(ownFolderUrl)];

/** The project's frames; where there are none, all that are not Node's: then the fault may be ours. */
function framesOf(stack: string, indent: string): readonly string[] {
  const frames = stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !/\(?node:/.test(line))
    .map((line) => `${indent}    ${line.trim()}`);
  const outside = frames.filter((line) => !ownFolders.some((folder) => line.includes(folder)));
  return outside.length > 0 ? outside : frames;
}
