// What a change means, said once in memory: for the store that lives there, and for what a file has not folded in yet.
import { LovageError } from "../error.ts";
import type { Changes, EntryState, Run } from "./store.ts";

/** History kept per entry when nothing else is asked for. */
export const DEFAULT_HISTORY = 100;

/** How long the history of an entry outlives the entry itself. */
export const FORGOTTEN_HISTORY_MS = 90 * 24 * 3_600_000;

/** Refuses a change that no store could give back, before any of it is written. */
export function assertStorable({ states = [], runs = [] }: Changes): void {
  const state = states.find((each) => !isStorable(each));
  if (state !== undefined) throw unstorable("state", state.name);
  const run = runs.find((each) => !Number.isFinite(each.dueAt) || !Number.isFinite(each.at));
  if (run !== undefined) throw unstorable("run", run.entry);
}

/** What is known of an entry that has not run; and of what an older version did not know, or not count. */
export const neverRun = {
  lastDueAt: null,
  lastSentAt: null,
  lastTaskId: null,
  runs: 0,
  missed: 0,
  skipped: 0,
  failed: 0,
  paused: null,
} satisfies Partial<EntryState>;

/** A state as a version wrote it that did not count what was skipped yet. */
export type OlderState = Omit<EntryState, "skipped"> & Partial<Pick<EntryState, "skipped">>;

export function completeState(state: OlderState): EntryState {
  return { skipped: 0, ...state };
}

/** Names that go first, then states: a change that does both to one name ends with the state. */
export function applyToStates(states: Map<string, EntryState>, changes: Changes): void {
  for (const name of changes.forget ?? []) states.delete(name);
  for (const state of changes.states ?? []) states.set(state.name, state);
}

/** The runs of one entry in a sequence of changes, newest first. */
export function runsNewestFirst(sequence: Iterable<Changes>, entry: string): Run[] {
  const found: Run[] = [];
  for (const { runs = [] } of sequence) found.push(...runs.filter((run) => run.entry === entry));
  return found.reverse();
}

/** Whether all its times and counts are numbers. */
export function isStorable(state: EntryState): boolean {
  const { anchorAt, settledAt, lastDueAt, lastSentAt, runs, missed, skipped, failed, paused } = state;
  const instants = [anchorAt, settledAt, lastDueAt ?? 0, lastSentAt ?? 0, paused?.at ?? 0];
  const numbers = [...instants, runs, missed, skipped, failed];
  return numbers.every(Number.isFinite);
}

function unstorable(what: string, name: string): LovageError {
  return new LovageError(
    "store",
    `the ${what} of entry ${JSON.stringify(name)} holds a time or count that is no number`,
  );
}
