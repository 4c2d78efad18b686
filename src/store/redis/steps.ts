// A change to the beat-record as steps that Redis takes one by one: what belongs to one entry is never torn apart.
import { createState, isStorable } from "../changes.ts";
import type { Changes, EntryState, Run } from "../store.ts";
import { forgotten, unchanged } from "./script.ts";

/** Values in one step, of a thousand entries that ran once: Redis serves nobody else meanwhile, some milliseconds. */
const valuesPerStep = 4000;

interface Item {
  state: EntryState | typeof forgotten | typeof unchanged;
  readonly runs: Run[];
}

/** What one run of the script takes after its settings; small changes are one step. Without changes: one that is empty. */
export function* steps(changes: Changes, history: number): Generator<readonly string[]> {
  const items = byEntry(changes);
  let step: string[] = [];
  for (const [name, { state, runs }] of items) {
    const kept = runs.slice(-history);
    // Written only now: a hundred thousand at once would hold the loop.
    step.push(name, typeof state === "string" ? state : writeState(state), String(kept.length), ...kept.map(writeRun));
    if (step.length < valuesPerStep) continue;
    yield step;
    step = [];
  }
  if (step.length > 0 || items.size === 0) yield step;
}

function writeState(state: EntryState): string {
  return JSON.stringify(state);
}

/** Null for what is no state: somebody else's hand was in it. */
export function readState(name: string, text: string): EntryState | null {
  const state = createState({ ...(readObject(text) as EntryState), name });
  return isState(state) ? state : null;
}

function isState(state: EntryState): boolean {
  return typeof state.scheduleHash === "string" && isStorable(state);
}

export function writeRun(run: Run): string {
  return JSON.stringify({ ...run, entry: undefined });
}

/** Null for what is no run. */
export function readRun(entry: string, text: string): Run | null {
  const run = { ...readObject(text), entry } as Run;
  return Number.isFinite(run.dueAt) && Number.isFinite(run.at) ? run : null;
}

function readObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function byEntry({ forget = [], states = [], runs = [] }: Changes): Map<string, Item> {
  const items = new Map<string, Item>();
  const itemOf = (name: string): Item => {
    const item = items.get(name) ?? { state: unchanged, runs: [] };
    items.set(name, item);
    return item;
  };
  for (const name of forget) itemOf(name).state = forgotten;
  for (const state of states) itemOf(state.name).state = state;
  for (const run of runs) itemOf(run.entry).runs.push(run);
  return items;
}
