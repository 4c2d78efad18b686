// From a signature to the calls it stands for: one, or those of its group, the first of its chain, the header of its chord.
import { optionsFromWire, optionsToWire } from "../protocol/option-names.ts";
import type { ResultTuple } from "../protocol/result-meta.ts";
import { type SignatureJson, signatureList } from "../protocol/signature-json.ts";
import { Signature } from "../protocol/signature.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import type { ChordOpening } from "../result/chord.ts";
import { freeze } from "./freeze.ts";
import { bodyOf, followedBy, headerOf, tasksOf, textOption, withKwargs, withOptions } from "./parts.ts";
import { sizeOf, treeOf } from "./tree.ts";

/** What is to be sent: all of it or nothing. */
export interface Plan {
  /** To be kept before anything is sent. */
  readonly chords: readonly ChordOpening[];
  readonly calls: readonly TaskCall[];
  /** The results to show as children of the task that sends it. */
  readonly children: readonly ResultTuple[];
}

export interface Given {
  /** They go before the signature's own arguments, unless it is immutable. */
  readonly args: readonly unknown[];
  /** They win over the signature's own options. */
  readonly options: TaskOptions;
  /** Gives the ids that are missing. */
  readonly newId: () => string;
}

export const nothing: Plan = Object.freeze({ chords: [], calls: [], children: [] });

/** @throws {LovageError} when something in it is no signature, or has a wrong option */
export function planOf(signature: SignatureJson, { args, options: { chain, ...options }, newId }: Given): Plan {
  const rest = signatureList(chain, "chain");
  const whole = rest === null ? signature : followedBy(signature, rest);
  return expand(freeze(whole, newId), { args, options, newId });
}

export function joined(plans: readonly Plan[]): Plan {
  return {
    chords: plans.flatMap(({ chords }) => chords),
    calls: plans.flatMap(({ calls }) => calls),
    children: plans.flatMap(({ children }) => children),
  };
}

function expand(frozen: SignatureJson, given: Given): Plan {
  switch (frozen.subtask_type) {
    case "chord":
      return expandChord(frozen, given);
    case "group":
      return expandGroup(frozen, given);
    case "chain":
      return expandChain(frozen, given);
    case null:
    default:
      return { ...nothing, calls: [callOf(frozen, given)], children: [treeOf(frozen)] };
  }
}

function callOf(task: SignatureJson, { args, options }: Given): TaskCall {
  return Signature.fromJSON(task).clone(args, {}, options);
}

function expandGroup(group: SignatureJson, given: Given): Plan {
  const tasks = tasksOf(group);
  if (tasks.length === 0) return nothing;
  const options = sharedOptions(group, given);
  const plan = joined(tasks.map((task) => expand(task, { ...given, options })));
  return { ...plan, children: [treeOf(group)] };
}

/** The first step with the others along. */
function expandChain(chain: SignatureJson, given: Given): Plan {
  const [first, ...steps] = tasksOf(chain);
  if (first === undefined) return nothing;
  const after = signatureList(chain.options["chain"], "chain") ?? [];
  const whole = followedBy(first, [...after, ...steps.toReversed()]);
  return expand(freeze(whole, given.newId), { ...given, options: sharedOptions(chain, given) });
}

/** What the message that asks for the chord says counts for its header and its body alike. */
function expandChord(chord: SignatureJson, given: Given): Plan {
  const options = sharedOptions(chord, given);
  const body = withOptions(bodyOf(chord), optionsToWire(options));
  // The body goes along with every task of the header, so they must be given the new one.
  const whole = freeze(withKwargs(chord, { body }), given.newId);
  const header = headerOf(whole);
  const size = sizeOf(header);
  if (size === 0) return expand(bodyOf(whole), { ...given, args: [[]], options: {} });
  const args = chord.immutable ? chord.args : [...given.args, ...chord.args];
  const plan = joined(tasksOf(header).map((task) => expand(task, { ...given, args, options })));
  const tree = treeOf(header);
  const isFlat = (tree[1] ?? []).every(([, children]) => children === null);
  const opening = { groupId: textOption(header, "task_id") ?? "", size, tree: isFlat ? null : tree };
  return { ...plan, chords: [opening, ...plan.chords], children: [tree] };
}

/** The rest of a chain and the id of a whole are not for each of its parts. */
function sharedOptions(canvas: SignatureJson, { options }: Given): TaskOptions {
  return { ...optionsFromWire({ ...canvas.options, task_id: null, chain: null }), ...options };
}
