// The end of a chord's header: its results in order and the call of its body, or the failure of all that waits for it.
import { randomUUID } from "node:crypto";
import { exceptionRepr, readException } from "../protocol/exception.ts";
import type { ExceptionJson, ResultTuple } from "../protocol/result-meta.ts";
import { type SignatureJson, signatureJson, signatureList } from "../protocol/signature-json.ts";
import type { CompleteChord } from "../result/chord.ts";
import type { Family } from "./continue.ts";
import { bodyOf, tasksOf, textOption } from "./parts.ts";
import { type Plan, planOf } from "./plan.ts";

/** Why the body of a chord is not called; what Celery calls a ChordError. */
export class ChordError extends Error {
  override readonly name = "ChordError";
  readonly celeryType = "ChordError";
  readonly celeryModule = "celery.exceptions";
}

/**
 * What the body is given: a list, with lists in it where a part of the header ended with a group.
 *
 * @throws {ChordError} naming the first task that failed
 */
export function resultsOf({ parts, tree }: CompleteChord): readonly unknown[] {
  for (const { taskId, state, result } of parts) {
    if (state === "SUCCESS") continue;
    throw new ChordError(`Dependency ${taskId} raised ${describeFailure(state, result)}`);
  }
  if (tree === null) return parts.map(({ result }) => result);
  const known = new Map(parts.map(({ taskId, result }) => [taskId, result]));
  return (tree[1] ?? []).map((node) => valueOf(node, known));
}

function describeFailure(state: string, result: unknown): string {
  const exception: ExceptionJson | null = readException(result);
  return exception === null ? state : exceptionRepr(exception);
}

function valueOf([[id], children]: ResultTuple, known: ReadonlyMap<string, unknown>): unknown {
  if (children !== null) return children.map((child) => valueOf(child, known));
  if (known.has(id)) return known.get(id);
  throw new ChordError(`Join error: there is no result of ${id}`);
}

/**
 * The call of the body with the results of the header. It belongs to the family of the task that asked for the chord, or
 * else of the one that completed it.
 *
 * @throws {LovageError} when something is no signature
 */
export function callBody(
  body: SignatureJson,
  results: readonly unknown[],
  { id, rootId, priority }: Family,
  newId: () => string = randomUUID,
): Plan {
  const ownPriority = body.options["priority"] ?? priority;
  const options = {
    parentId: textOption(body, "parent_id") ?? id,
    rootId: textOption(body, "root_id") ?? rootId,
    ...(typeof ownPriority === "number" ? { priority: ownPriority } : {}),
  };
  return planOf(body, { args: [results], options, newId });
}

/** A task that will not run, because what it waits for has failed. */
export interface Doomed {
  readonly taskId: string;
  readonly groupId: string | null;
  readonly groupIndex: number | null;
  /** The body that waits for it in turn. */
  readonly chord: SignatureJson | null;
  /** What is to be called with its id. */
  readonly errbacks: readonly SignatureJson[];
}

/**
 * Every task of a signature that would have run, down to the body of a chord; the last of a chain answers for all of it.
 *
 * @param errbacks of whatever it is part of
 * @throws {LovageError} when something is no signature
 */
export function doomed(signature: SignatureJson, errbacks: readonly SignatureJson[] = []): readonly Doomed[] {
  const all = union(errbacks, signatureList(signature.options["link_error"], "link_error") ?? []);
  const rest = (signatureList(signature.options["chain"], "chain") ?? []).toReversed().flatMap((next) => doomed(next));
  switch (signature.subtask_type) {
    case "chord":
      return [...doomed(bodyOf(signature), all), ...rest];
    case "group":
      return [...tasksOf(signature).flatMap((task) => doomed(task, all)), ...rest];
    case "chain":
      return [...doomedChain(tasksOf(signature), all), ...rest];
    case null:
    default:
      return [...doomedTask(signature, all), ...rest];
  }
}

function doomedChain(steps: readonly SignatureJson[], errbacks: readonly SignatureJson[]): readonly Doomed[] {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return [];
  // Each step has its own; those of the first are the ones that would have been called, since it is what cannot run.
  const called = union(errbacks, signatureList(first.options["link_error"], "link_error") ?? []);
  const before = steps.slice(0, -1).flatMap((step) => doomed(step).map((task) => ({ ...task, errbacks: [] })));
  return [...before, ...doomed(last, called)];
}

function doomedTask(task: SignatureJson, errbacks: readonly SignatureJson[]): readonly Doomed[] {
  const taskId = textOption(task, "task_id");
  if (taskId === undefined) return [];
  const { group_index: groupIndex, chord } = task.options;
  return [
    {
      taskId,
      groupId: textOption(task, "group_id") ?? null,
      groupIndex: typeof groupIndex === "number" ? groupIndex : null,
      chord: chord === undefined || chord === null ? null : signatureJson(chord, "chord"),
      errbacks,
    },
  ];
}

function union(some: readonly SignatureJson[], more: readonly SignatureJson[]): readonly SignatureJson[] {
  const texts = new Set(some.map((signature) => JSON.stringify(signature)));
  return [...some, ...more.filter((signature) => !texts.has(JSON.stringify(signature)))];
}
