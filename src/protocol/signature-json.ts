// A signature as it travels: the shape that callbacks, chains and chords have inside a message.
import { LovageError } from "../error.ts";

/** Celery's wire shape of a signature; the names in `options` are Celery's own (`task_id`, `reply_to`). */
export interface SignatureJson {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly subtask_type: string | null;
  readonly immutable: boolean;
}

/** A `Signature`, or anything else that gives the wire shape of one. */
export interface SignatureLike {
  toJSON(): SignatureJson;
}

/**
 * The whole wire shape of a signature that may be given in part: `{task: "proj.add"}` will do.
 *
 * @param name what to call the value in an error: `link[0]`
 */
export function signatureJson(value: unknown, name: string): SignatureJson {
  const given = asRecord(speaksForItself(value) ? value.toJSON() : value);
  const task = given?.["task"];
  if (given === null || typeof task !== "string" || task === "") {
    throw new LovageError("config", `${name} is not a signature`, {
      hint: 'write signature("proj.add", [2, 2]), or {task: "proj.add", args: [2, 2]}',
    });
  }
  const args = given["args"] ?? [];
  if (!Array.isArray(args)) throw new LovageError("config", `${name}.args should be a list`);
  return {
    task,
    args,
    kwargs: recordAt(given, "kwargs", name),
    options: recordAt(given, "options", name),
    subtask_type: typeof given["subtask_type"] === "string" ? given["subtask_type"] : null,
    immutable: given["immutable"] === true,
  };
}

/** One signature or several; null stays null. */
export function signatureList(value: unknown, name: string): readonly SignatureJson[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) return [signatureJson(value, name)];
  return value.map((item, index) => signatureJson(item, `${name}[${index}]`));
}

function speaksForItself(value: unknown): value is SignatureLike {
  return typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function";
}

function recordAt(given: Record<string, unknown>, key: string, name: string): Record<string, unknown> {
  const record = asRecord(given[key] ?? {});
  if (record === null) throw new LovageError("config", `${name}.${key} should be a mapping`);
  return record;
}

function asRecord(value: unknown): Record<string, unknown> | null {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Record<string, unknown>) : null;
}
