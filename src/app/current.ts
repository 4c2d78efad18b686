// The task that is running, for whatever it calls: what it sends becomes its child, however deep in promises it is sent.
import { AsyncLocalStorage } from "node:async_hooks";
import type { ResultTuple } from "../protocol/result-meta.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { processWide } from "./process-wide.ts";
import type { TaskContext } from "./task-context.ts";

export interface Current {
  readonly context: TaskContext;
  /** The tasks it has sent so far. */
  readonly children: ResultTuple[];
}

const storage = processWide("current", () => new AsyncLocalStorage<Current>());

/** Runs a task's function so that everything it calls and awaits can tell on whose behalf. */
export function runAs<Result>(current: Current, run: () => Result): Result {
  return storage.run(current, run);
}

/** The context of the task that is running, Celery's `current_task`; undefined outside tasks. */
export function currentTask(): TaskContext | undefined {
  return storage.getStore()?.context;
}

/** What a call inherits from the task that makes it; options of its own win. */
export function inheritOptions(options: TaskOptions, inheritPriority: boolean): TaskOptions {
  const request = currentTask()?.request;
  if (request === undefined) return options;
  const priority = inheritPriority ? { priority: request.deliveryInfo.priority } : {};
  return { ...priority, rootId: request.rootId, parentId: request.id, ...options };
}

/** Notes a task that has been sent as a child of the one that is running; a retry of its own is no child. */
export function noteChild(id: string): void {
  const current = storage.getStore();
  if (current?.context.request.id !== id) current?.children.push([[id, null], null]);
}
