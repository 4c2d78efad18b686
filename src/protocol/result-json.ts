// A task's outcome as Celery's backends keep it: the text under `celery-task-meta-<id>`, written and read.
import type { Instant } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import { isoFormat, parseIso } from "./iso-time.ts";
import { readJson } from "./json-reader.ts";
import { quoteJson, writeJson } from "./json-writer.ts";
import type { ExtendedMeta, ResultMeta, ResultRecord, ResultTuple } from "./result-meta.ts";

/**
 * The text of an outcome, byte for byte as Celery 5.6 writes it: `{"status": "SUCCESS", "result": 5, ...}`.
 *
 * @throws LovageError when children or extended arguments are not data
 */
export function writeResult(record: ResultRecord): string {
  const { taskId, state, resultText, traceback, children, doneAt, groupId, parentId, extended } = record;
  const parts = [
    `"status": ${quoteJson(state)}`,
    `"result": ${resultText}`,
    `"traceback": ${traceback === null ? "null" : quoteJson(traceback)}`,
    `"children": ${children.length === 0 ? "[]" : writeJson(children, "children")}`,
    `"date_done": ${doneAt === null ? "null" : quoteJson(isoFormat(doneAt))}`,
    ...(groupId ? [`"group_id": ${quoteJson(groupId)}`] : []),
    ...(parentId ? [`"parent_id": ${quoteJson(parentId)}`] : []),
    ...(extended === undefined ? [] : extendedParts(extended)),
    `"task_id": ${quoteJson(taskId)}`,
  ];
  return `{${parts.join(", ")}}`;
}

function extendedParts(extended: ExtendedMeta): readonly string[] {
  return extendedNames.map((name) => `"${name}": ${writeJson(extended[name], name)}`);
}

const extendedNames = ["name", "args", "kwargs", "worker", "retries", "queue"] as const;

/**
 * Reads what any Celery 5 has written; see `readJson` for dates, bytes and large numbers. What other programs added or
 * left out does no harm.
 *
 * @throws LovageError("result") when it is no outcome of a task in JSON
 */
export function readResult(text: string): ResultMeta {
  const meta = readRecord(text);
  return Object.freeze({
    taskId: textOr(meta["task_id"], ""),
    state: textOr(meta["status"], "PENDING"),
    result: meta["result"] ?? null,
    traceback: textOrNull(meta["traceback"]),
    children: readChildren(meta["children"]),
    doneAt: readInstant(meta["date_done"]),
    groupId: textOrNull(meta["group_id"]),
    parentId: textOrNull(meta["parent_id"]),
    extended: readExtended(meta),
  });
}

function readRecord(text: string): Readonly<Record<string, unknown>> {
  const hint = 'only JSON results are read: set result_serializer = "json" in the app that wrote it';
  const value = readAnyJson(text, hint);
  if (typeof value === "object" && value !== null && "status" in value) return { ...value };
  throw new LovageError("result", "a result that is kept is not one of Celery's", { hint });
}

/** A mark that nobody here knows, of a type some project registered, stays as it was written. */
function readAnyJson(text: string, hint: string): unknown {
  try {
    return readJson(text);
  } catch {
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new LovageError("result", `a result that is kept cannot be read: ${messageOf(cause)}`, { hint, cause });
    }
  }
}

function readExtended(meta: Readonly<Record<string, unknown>>): Partial<ExtendedMeta> {
  const { name, args, kwargs, worker, retries, queue } = meta;
  return {
    ...(typeof name === "string" ? { name } : {}),
    ...(Array.isArray(args) ? { args } : {}),
    ...(isRecord(kwargs) ? { kwargs } : {}),
    ...(typeof worker === "string" ? { worker } : {}),
    ...(typeof retries === "number" ? { retries } : {}),
    ...(typeof queue === "string" ? { queue } : {}),
  };
}

function readChildren(value: unknown): readonly ResultTuple[] {
  return Array.isArray(value) ? value.map(readTuple).filter((tuple) => tuple !== null) : [];
}

/** `[[id, parent], children]`; the shorter `[id, children]` of older writers too. Null for anything else. */
export function readTuple(value: unknown): ResultTuple | null {
  if (typeof value === "string") return [[value, null], null];
  if (!Array.isArray(value)) return null;
  const [first, nodes] = value as readonly unknown[];
  const children = Array.isArray(nodes) ? readChildren(nodes) : null;
  if (typeof first === "string") return [[first, null], children];
  if (!Array.isArray(first) || typeof first[0] !== "string") return null;
  return [[first[0], first[1] ?? null], children];
}

/** Celery before 5.6 wrote UTC without saying so; its `datetime` marks have become dates by now. */
function readInstant(value: unknown): Instant | null {
  if (value instanceof Date) return value.getTime();
  return typeof value === "string" ? (parseIso(value)?.utcAt ?? null) : null;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
