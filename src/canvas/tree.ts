// The shape of what frozen signatures give back: how many ends a chord has to wait for, and their results as a tree of
// ids, as Celery's results have it.
import type { ResultTuple } from "../protocol/result-meta.ts";
import type { SignatureJson } from "../protocol/signature-json.ts";
import { bodyOf, headerOf, tasksOf, textOption } from "./parts.ts";

/** How many tasks a chord hears of for this part of its header: one, or all of a group that a chain ends with. */
export function sizeOf(signature: SignatureJson): number {
  switch (signature.subtask_type) {
    case "group":
      return tasksOf(signature).reduce((sum, task) => sum + sizeOf(task), 0);
    case "chain":
      return tasksOf(signature).reduceRight((size, task) => (size > 0 ? size : sizeOf(task)), 0);
    case "chord":
      return sizeOf(bodyOf(signature));
    case null:
    default:
      return 1;
  }
}

/** Its result with those before it as parents, the nearest first. */
export function treeOf(signature: SignatureJson): ResultTuple {
  switch (signature.subtask_type) {
    case "group":
      return [[idOf(signature), null], tasksOf(signature).map(treeOf)];
    case "chain":
      return (
        tasksOf(signature).reduce<ResultTuple | null>((before, task) => under(treeOf(task), before), null) ?? [
          ["", null],
          [],
        ]
      );
    case "chord":
      return under(treeOf(bodyOf(signature)), treeOf(headerOf(signature)));
    case null:
    default:
      return [[idOf(signature), null], null];
  }
}

function idOf(signature: SignatureJson): string {
  return textOption(signature, "task_id") ?? "";
}

function under([[id, parent], children]: ResultTuple, first: ResultTuple | null): ResultTuple {
  return [[id, parent === null ? first : under(parent as ResultTuple, first)], children];
}
