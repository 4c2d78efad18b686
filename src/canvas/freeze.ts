// Fixes who is who before anything is sent: every task gets its id and its place in its group or chord, so that whoever
// sends it, retries it or fails it in its stead speaks of the same task.
import { type SignatureJson, signatureJson, signatureList } from "../protocol/signature-json.ts";
import {
  bodyOf,
  chordOf,
  followedBy,
  groupOf,
  headerOf,
  linked,
  membersOf,
  tasksOf,
  textOption,
  withKwargs,
  withOptions,
} from "./parts.ts";

/** Where a task stands in the whole. */
interface Place {
  readonly taskId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly groupIndex?: number | undefined;
  /** The body that waits for it. */
  readonly chord?: SignatureJson | undefined;
}

/** What is said of the whole, and belongs to the task it ends with. */
const placeNames = ["task_id", "group_id", "group_index", "chord", "link", "link_error"];

/**
 * The same signature with an id on every task. Ids and group ids that it has stay, so freezing twice changes nothing.
 * A group that something follows in a chain becomes a chord.
 *
 * @throws {LovageError} when something in it is no signature
 */
export function freeze(signature: SignatureJson, newId: () => string, place: Place = {}): SignatureJson {
  const own = placeOf(signature, place);
  switch (signature.subtask_type) {
    case "chain":
      return freezeChain(signature, newId, own);
    case "group":
      return freezeGroup(signature, newId, own);
    case "chord":
      return freezeChord(signature, newId, own);
    case null:
    default:
      return freezeTask(signature, newId, own);
  }
}

/** As in Celery: an id and a group that are known stay, the index and the chord are those of the last to say so. */
function placeOf(signature: SignatureJson, place: Place): Place {
  const { group_index: index, chord } = signature.options;
  return {
    taskId: textOption(signature, "task_id") ?? place.taskId,
    groupId: textOption(signature, "group_id") ?? place.groupId,
    groupIndex: place.groupIndex ?? (typeof index === "number" ? index : undefined),
    chord: place.chord ?? (chord === undefined || chord === null ? undefined : signatureJson(chord, "chord")),
  };
}

function freezeTask(task: SignatureJson, newId: () => string, place: Place): SignatureJson {
  const { taskId = newId(), groupId, groupIndex, chord } = place;
  return withOptions(task, {
    task_id: taskId,
    ...(groupId === undefined ? {} : { group_id: groupId }),
    ...(groupIndex === undefined ? {} : { group_index: groupIndex }),
    ...(chord === undefined ? {} : { chord }),
  });
}

/** Who waits for a chain waits for its last task. */
function freezeChain(chain: SignatureJson, newId: () => string, place: Place): SignatureJson {
  const steps = stepsOf(chain);
  const tasks = steps.map((step, index) => freeze(step, newId, index === steps.length - 1 ? place : {}));
  return { ...withKwargs(chain, { tasks }), args: [], options: withoutPlace(chain.options) };
}

function freezeGroup(group: SignatureJson, newId: () => string, place: Place): SignatureJson {
  const { chain: after = null, ...options } = group.options;
  if (after !== null)
    return freeze(followedBy({ ...group, options }, signatureList(after, "chain") ?? []), newId, place);
  const { taskId = newId(), groupId = taskId, groupIndex, chord } = place;
  const { link, link_error: linkError } = group.options;
  const tasks = membersOf(group).map((task, index) =>
    freeze(linked(linked(task, "link", link), "link_error", linkError), newId, {
      groupId,
      groupIndex: groupIndex ?? index,
      chord,
    }),
  );
  return { ...withKwargs(group, { tasks }), options: { ...withoutPlace(group.options), task_id: taskId } };
}

/** Who waits for a chord waits for its body; the body travels with every task of the header. */
function freezeChord(chord: SignatureJson, newId: () => string, place: Place): SignatureJson {
  const { chain: after = null, ...options } = chord.options;
  if (after !== null)
    return freeze(followedBy({ ...chord, options }, signatureList(after, "chain") ?? []), newId, place);
  const { link, link_error: linkError } = chord.options;
  const body = freeze(linked(linked(bodyOf(chord), "link", link), "link_error", linkError), newId, place);
  const given = headerOf(chord);
  const groupId = textOption(given, "task_id") ?? newId();
  const tasks = membersOf(given).map((task, groupIndex) => freeze(task, newId, { groupId, groupIndex, chord: body }));
  const header = groupOf(tasks, { ...withoutPlace(given.options), task_id: groupId });
  return { ...withKwargs(chord, { header, body }), options: withoutPlace(chord.options) };
}

function withoutPlace(options: SignatureJson["options"]): SignatureJson["options"] {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !placeNames.includes(name)));
}

/** The steps of a chain, those of chains within it among them, with what is said of the chain as a whole. */
function stepsOf(chain: SignatureJson): readonly SignatureJson[] {
  const { link, link_error: linkError } = chain.options;
  const written = tasksOf(chain).flatMap((step) => (step.subtask_type === "chain" ? stepsOf(step) : [single(step)]));
  const steps = upgraded(written.map((step, index) => (index === 0 ? withArgs(step, chain.args) : step)));
  return steps.map((step, index) => {
    const ending = index === steps.length - 1 ? linked(step, "link", link) : step;
    return linked(ending, "link_error", linkError);
  });
}

/** A group of one is that one, when it is a step of a chain: Celery gives its result, not a list of it, to what follows. */
function single(step: SignatureJson): SignatureJson {
  if (step.subtask_type !== "group") return step;
  const [only, ...others] = tasksOf(step);
  return only === undefined || others.length > 0 ? step : only;
}

function withArgs(step: SignatureJson, args: readonly unknown[]): SignatureJson {
  return args.length === 0 || step.immutable ? step : { ...step, args: [...args, ...step.args] };
}

/** From the end, since what follows the group may be a chord itself by then. */
function upgraded(steps: readonly SignatureJson[]): readonly SignatureJson[] {
  return steps.reduceRight<readonly SignatureJson[]>((after, step) => {
    const [next, ...others] = after;
    if (step.subtask_type !== "group" || next === undefined) return [step, ...after];
    return [chordOf(step, next), ...others];
  }, []);
}
