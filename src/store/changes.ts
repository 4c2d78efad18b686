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

/** What has to be known of a state: the rest may be missing, because it never ran, or because an older version did not count it. */
export type KnownState = Pick<EntryState, "name" | "scheduleHash" | "anchorAt" | "settledAt"> & Partial<EntryState>;

/**
 * The one layout of all states, key by key. Put together from parts, each would get a layout of its own, which takes more
 * memory than what it lays out: 40 MiB for a hundred thousand.
 */
export function createState(known: KnownState): EntryState {
  return {
    name: known.name,
    scheduleHash: known.scheduleHash,
    anchorAt: known.anchorAt,
    settledAt: known.settledAt,
    lastDueAt: known.lastDueAt ?? neverRun.lastDueAt,
    lastSentAt: known.lastSentAt ?? neverRun.lastSentAt,
    lastTaskId: known.lastTaskId ?? neverRun.lastTaskId,
    runs: known.runs ?? neverRun.runs,
    missed: known.missed ?? neverRun.missed,
    skipped: known.skipped ?? neverRun.skipped,
    failed: known.failed ?? neverRun.failed,
    paused: known.paused ?? neverRun.paused,
  };
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

const numbers = ["anchorAt", "settledAt", "runs", "missed", "skipped", "failed"] as const;

/** Whether all its times and counts are numbers. Asked of every state of a burst, so it makes no lists of them. */
export function isStorable(state: EntryState): boolean {
  for (const key of numbers) if (!Number.isFinite(state[key])) return false;
  return Number.isFinite(state.lastDueAt ?? 0) && Number.isFinite(state.lastSentAt ?? 0) && isFinitePause(state.paused);
}

function isFinitePause(paused: EntryState["paused"]): boolean {
  return Number.isFinite(paused?.at ?? 0);
}

function unstorable(what: string, name: string): LovageError {
  return new LovageError(
    "store",
    `the ${what} of entry ${JSON.stringify(name)} holds a time or count that is no number`,
  );
}
