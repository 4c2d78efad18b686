// What follows an outcome: the calls that a message asks for when its task succeeds or fails. Who calls sends them, all
// or none.
import { randomUUID } from "node:crypto";
import { LovageError } from "../error.ts";
import type { Embed } from "../protocol/body.ts";
import { readJson } from "../protocol/json-reader.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import { joined, nothing, type Plan, planOf } from "./plan.ts";

/** The task that ended, as far as what follows inherits from it. */
export interface Family {
  readonly id: string;
  readonly rootId: string;
  /** Its priority, where `task_inherit_parent_priority` is on. */
  readonly priority?: number;
}

/**
 * The callbacks, each with the result before its own arguments, then the chain's next task, which takes the rest of the
 * chain along. Signatures that are immutable take no result. Ids and groups that they carry stay theirs. What the chord
 * of the task is owed is not part of it.
 *
 * @param resultText the JSON text of the result
 * @param newId gives the ids that are missing
 * @throws {LovageError} when something is no signature
 */
export function planSuccess(
  { callbacks, chain }: Embed,
  resultText: string,
  family: Family,
  newId: () => string = randomUUID,
): Plan {
  const next = chain?.at(-1);
  if ((callbacks === null || callbacks.length === 0) && next === undefined) return nothing;
  const given = { args: [readJson(resultText)], options: familyOptions(family), newId };
  const called = (callbacks ?? []).map((callback) => planOf(callback, given));
  if (chain === null || next === undefined) return joined(called);
  const options = { ...given.options, chain: chain.slice(0, -1) };
  return joined([...called, planOf(next, { ...given, options })]);
}

/**
 * The errbacks, each with the id of the failed task before its own arguments. (A Python worker calls errbacks that take
 * `(request, exc, traceback)` itself, in place; across languages there is the id, and the result under it.)
 *
 * @param newId gives the ids that are missing
 * @throws {LovageError} when something is no signature
 */
export function planFailure(
  { errbacks }: Pick<Embed, "errbacks">,
  family: Family,
  newId: () => string = randomUUID,
): Plan {
  const given = { args: [family.id], options: familyOptions(family), newId };
  return joined((errbacks ?? []).map((errback) => planOf(errback, given)));
}

/**
 * The same calls, for an eager app, which runs them one by one and in place.
 *
 * @throws {LovageError} when a chord is among it: nobody would wait for its header
 */
export function followSuccess(embed: Embed, resultText: string, family: Family): readonly TaskCall[] {
  if (embed.chord !== null) throw chordProblem(embed.chord.task);
  return callsOf(planSuccess(embed, resultText, family));
}

/** @throws {LovageError} as {@link followSuccess} */
export function followFailure(embed: Embed, family: Family): readonly TaskCall[] {
  return callsOf(planFailure(embed, family));
}

function callsOf({ calls, chords }: Plan): readonly TaskCall[] {
  if (chords.length > 0) throw chordProblem(calls[0]?.task ?? "");
  return calls;
}

function chordProblem(task: string): LovageError {
  return new LovageError("config", `${task}: chords cannot run under taskAlwaysEager`, {
    hint: "switch taskAlwaysEager off, or take the chord apart in the test",
  });
}

function familyOptions({ id, rootId, priority }: Family): TaskOptions {
  return { parentId: id, rootId, ...(priority === undefined ? {} : { priority }) };
}
