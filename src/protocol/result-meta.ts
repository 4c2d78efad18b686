// What is known of a task's outcome, as Celery's backends keep it: the JSON text under `celery-task-meta-<id>`.
import type { Instant } from "../clock.ts";

/** Celery's states; a task may report others of its own with `updateState`. */
export type KnownState =
  | "PENDING"
  | "RECEIVED"
  | "STARTED"
  | "RETRY"
  | "SUCCESS"
  | "FAILURE"
  | "REVOKED"
  | "IGNORED"
  | "REJECTED";

/** An error as JSON, readable in any language: `{exc_type: "ValueError", exc_message: ["boom", 42], exc_module: "builtins"}`. */
export interface ExceptionJson {
  readonly exc_type: string;
  /** The arguments of the exception; a JavaScript error has one, its message. */
  readonly exc_message: readonly unknown[];
  /** Where the class lives: `builtins`, `celery.exceptions`, a Python module, or `javascript`. */
  readonly exc_module: string;
}

/** A task as Celery's result tuples have it: `[[id, parent], null]`. */
export type ResultTuple = readonly [readonly [id: string, parent: unknown], readonly ResultTuple[] | null];

/** What a worker has to say about a task; `result` is JSON text, so that it is written once and never read again here. */
export interface ResultRecord {
  readonly taskId: string;
  readonly state: string;
  /** The JSON text of the result, of the {@link ExceptionJson}, or of what `updateState` was given. */
  readonly resultText: string;
  readonly traceback: string | null;
  readonly children: readonly ResultTuple[];
  /** Null while the task is not ready. */
  readonly doneAt: Instant | null;
  readonly groupId?: string | null;
  readonly parentId?: string | null;
  /** With `resultExtended`. */
  readonly extended?: ExtendedMeta;
}

export interface ExtendedMeta {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly worker: string;
  readonly retries: number;
  readonly queue: string;
}

/** The same, read back. A task nobody has reported on has no meta: it is PENDING. */
export interface ResultMeta {
  readonly taskId: string;
  readonly state: string;
  /** The result; for FAILURE, RETRY and REVOKED usually an {@link ExceptionJson}. */
  readonly result: unknown;
  readonly traceback: string | null;
  readonly children: readonly ResultTuple[];
  readonly doneAt: Instant | null;
  readonly groupId: string | null;
  readonly parentId: string | null;
  readonly extended: Partial<ExtendedMeta>;
}

/** States after which nothing more comes. */
export function isReady(state: string): boolean {
  return (
    state === "SUCCESS" || state === "FAILURE" || state === "REVOKED" || state === "IGNORED" || state === "REJECTED"
  );
}
