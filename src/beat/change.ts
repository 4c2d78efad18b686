// A new set of entries comes into the plan step by step, each entry by itself at one instant: between two steps the rest is
// planned as it was, and what is due is sent. What stayed as it was is only compared.
import type { Instant } from "../clock.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState } from "../store/store.ts";
import type { Plan } from "./plan.ts";
import type { Steps } from "./steps.ts";

export interface PlanChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What outlived the last process: the beat-record's word, and the broker's. */
export interface KnownBefore {
  readonly states: ReadonlyMap<string, EntryState>;
  /** An entry that only the broker knows was led by a beat elsewhere: counting goes on where that one stopped. */
  readonly marks: ReadonlyMap<string, Instant>;
}

export interface NewEntries {
  /** Each name once. */
  readonly entries: readonly Entry[];
  /** Asked at every step. */
  readonly now: () => Instant;
  readonly known?: KnownBefore;
}

interface Difference {
  /** Planned under this name already, as it stands or otherwise. */
  readonly edited: readonly Entry[];
  readonly unplanned: readonly Entry[];
  readonly removed: readonly string[];
}

export const nothingKnown: KnownBefore = { states: new Map(), marks: new Map() };

/** Nobody else may add or remove entries before it is done. */
export function* changeEntries(plan: Plan, { entries, now, known = nothingKnown }: NewEntries): Steps<PlanChange> {
  const { edited, unplanned, removed } = yield* compare(plan, entries, known);
  const change = { added: [] as string[], changed: [] as string[], removed };
  const place = (entry: Entry): void => {
    const placed = plan.place(entry, now(), known);
    if (placed !== "kept") change[placed].push(entry.name);
  };
  for (const entry of edited) {
    place(entry);
    yield;
  }
  // In step: under a new name an entry goes on at the instant at which it ends under the old one.
  for (let index = 0; index < Math.max(unplanned.length, removed.length); index += 1) {
    const [name, entry] = [removed[index], unplanned[index]];
    if (name !== undefined) plan.remove(name, known);
    if (entry !== undefined) place(entry);
    yield;
  }
  yield* plan.tidy();
  return change;
}

function* compare({ slots }: Plan, entries: readonly Entry[], { states }: KnownBefore): Steps<Difference> {
  const edited: Entry[] = [];
  const unplanned: Entry[] = [];
  let knownBefore = 0;
  for (const entry of entries) {
    const slot = slots.get(entry.name);
    if (slot === undefined) unplanned.push(entry);
    else if (slot.entry !== entry) edited.push(entry);
    if (states.has(entry.name)) knownBefore += 1;
    yield;
  }
  const isAllThere = entries.length - unplanned.length === slots.size && knownBefore === states.size;
  return { edited, unplanned, removed: isAllThere ? [] : yield* missing([slots, states], entries) };
}

/** The names of which no entry is there any more. */
function* missing(known: readonly ReadonlyMap<string, unknown>[], entries: readonly Entry[]): Steps<readonly string[]> {
  const names = new Set<string>();
  for (const { name } of entries) {
    names.add(name);
    yield;
  }
  const gone = new Set<string>();
  for (const map of known) {
    for (const name of map.keys()) {
      if (!names.has(name)) gone.add(name);
      yield;
    }
  }
  return [...gone];
}
