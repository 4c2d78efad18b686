// What follows an outcome: the calls that a message asks for when its task succeeds or fails. Who calls sends them, all
// or none.
import { randomUUID } from "node:crypto";
import { LovageError } from "../error.ts";
import type { Embed } from "../protocol/body.ts";
import { readJson } from "../protocol/json-reader.ts";
import { optionsFromWire, optionsToWire } from "../protocol/option-names.ts";
import { type SignatureJson, signatureList } from "../protocol/signature-json.ts";
import { Signature } from "../protocol/signature.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";

/** The task that ended, as far as what follows inherits from it. */
export interface Family {
  readonly id: string;
  readonly rootId: string;
  /** Its priority, where `task_inherit_parent_priority` is on. */
  readonly priority?: number;
}

/**
 * The callbacks, each with the result before its own arguments, then the chain's next task, which takes the rest of the
 * chain along. Signatures that are immutable take no result. Ids and groups that they carry stay theirs.
 *
 * @param resultText the JSON text of the result
 * @param newId gives the ids of groups that have none
 * @throws {LovageError} when a chord is among it, or something that is no signature
 */
export function followSuccess(
  embed: Embed,
  resultText: string,
  family: Family,
  newId: () => string = randomUUID,
): readonly TaskCall[] {
  const { callbacks, chain, chord } = embed;
  if (chord !== null) throw chordProblem(chord.task);
  const next = chain?.at(-1);
  if ((callbacks === null || callbacks.length === 0) && next === undefined) return [];
  const given = { args: [readJson(resultText)], options: familyOptions(family), newId };
  const called = (callbacks ?? []).flatMap((callback) => callsOf(callback, given));
  if (chain === null || next === undefined) return called;
  const rest = { ...given.options, chain: chain.slice(0, -1) };
  return [...called, ...callsOf(next, { ...given, options: rest })];
}

/**
 * The errbacks, each with the id of the failed task before its own arguments. (A Python worker calls errbacks that take
 * `(request, exc, traceback)` itself, in place; across languages there is the id, and the result under it.)
 *
 * @param newId gives the ids of groups that have none
 * @throws {LovageError} when a chord is among it, or something that is no signature
 */
export function followFailure(
  { errbacks }: Embed,
  family: Family,
  newId: () => string = randomUUID,
): readonly TaskCall[] {
  const given = { args: [family.id], options: familyOptions(family), newId };
  return (errbacks ?? []).flatMap((errback) => callsOf(errback, given));
}

interface Given {
  readonly args: readonly unknown[];
  readonly options: TaskOptions;
  readonly newId: () => string;
}

function familyOptions({ id, rootId, priority }: Family): TaskOptions {
  return { parentId: id, rootId, ...(priority === undefined ? {} : { priority }) };
}

/** The calls that a signature stands for: one, or those of its group, or the first of its chain. */
function callsOf(signature: SignatureJson, given: Given): readonly TaskCall[] {
  switch (signature.subtask_type) {
    case "chord":
      throw chordProblem(signature.task);
    case "group":
      return groupCalls(signature, given);
    case "chain":
      return chainCalls(signature, given);
    case null:
    default:
      return [Signature.fromJSON(signature).clone(given.args, {}, given.options)];
  }
}

/** A group's own id is that of the whole; groups within it are part of it, as in Celery. */
function groupCalls(group: SignatureJson, { args, options, newId }: Given): readonly TaskCall[] {
  if ((options.chain ?? []).length > 0) throw chordProblem(group.task);
  const { taskId: groupId = newId(), ...shared } = { ...optionsFromWire(group.options), ...options };
  return groupTasks(group).flatMap((task, groupIndex) =>
    callsOf(task, { args, options: { ...shared, groupId, groupIndex }, newId }),
  );
}

function groupTasks(group: SignatureJson): readonly SignatureJson[] {
  return tasksOf(group).flatMap((task) => (task.subtask_type === "group" ? groupTasks(task) : [task]));
}

/** The first task with the rest along; what is said of the chain as a whole is said of its last task. */
function chainCalls(chain: SignatureJson, { args, options, newId }: Given): readonly TaskCall[] {
  const { chain: after = [], ...inherited } = options;
  const { taskId, groupId, groupIndex, chord, link, linkError, ...shared } = {
    ...optionsFromWire(chain.options),
    ...inherited,
  };
  const [last, ...before] = tasksOf(chain).toReversed();
  if (last === undefined) return [];
  const ids = optionsToWire({ taskId, groupId } as TaskOptions);
  const place = optionsToWire({ groupIndex, chord } as TaskOptions);
  const ending = { ...last, options: { ...ids, ...last.options, ...place, ...appended(last, "link", link) } };
  const steps = [ending, ...before].map((task) => {
    return { ...task, options: { ...task.options, ...appended(task, "link_error", linkError) } };
  });
  const first = steps.at(-1) ?? ending;
  const rest = [...after, ...steps.slice(0, -1)];
  return callsOf(first, { args: [...args, ...chain.args], options: { ...shared, chain: rest }, newId });
}

function appended(task: SignatureJson, name: "link" | "link_error", more: unknown): Record<string, unknown> {
  const added = signatureList(more, name);
  return added === null ? {} : { [name]: [...(signatureList(task.options[name], name) ?? []), ...added] };
}

function tasksOf(canvas: SignatureJson): readonly SignatureJson[] {
  return signatureList(canvas.kwargs["tasks"], `${canvas.task}.tasks`) ?? [];
}

function chordProblem(task: string): LovageError {
  return new LovageError("config", `${task}: chords, and groups that something follows, are not supported yet`, {
    hint: "let a Python worker run what belongs to a chord, or end the chain with the group",
  });
}
