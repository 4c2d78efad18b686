// Pauses as notes on the broker, so that a standby without our disk keeps an entry paused; and what to believe when the
// note and the beat-record differ: whichever was written later.
import type { LovageEvent } from "../../event.ts";
import { byWhom } from "../../log-words.ts";
import type { Instant } from "../../clock.ts";
import type { EntryState, Pause } from "../../store/store.ts";
import type { Slot } from "../plan.ts";
import { type Dropped, droppedUpTo } from "../recover.ts";
import { takenUpTo } from "../under-way.ts";

const prefix = "pause:";

/** What was last said of an entry. Resuming leaves a note too, or an older record would pause the entry again. */
export interface PauseNote {
  readonly at: Instant;
  readonly paused: Pause | null;
}

export function pauseName(entry: string): string {
  return `${prefix}${entry}`;
}

export function writePause({ at, paused }: PauseNote): string {
  return JSON.stringify({ at, paused });
}

/** The pause notes among all notes, by entry. What is none of ours is passed over. */
export function readPauses(notes: ReadonlyMap<string, string>): ReadonlyMap<string, PauseNote> {
  const found = new Map<string, PauseNote>();
  for (const [name, text] of notes) {
    const note = name.startsWith(prefix) ? readPause(text) : null;
    if (note !== null) found.set(name.slice(prefix.length), note);
  }
  return found;
}

/** Entries whose state has to change to what the broker's notes say. */
export function pausesToAdopt(
  notes: ReadonlyMap<string, PauseNote>,
  states: ReadonlyMap<string, EntryState>,
): ReadonlyMap<string, Pause | null> {
  const changes = new Map<string, Pause | null>();
  for (const [entry, { at, paused }] of notes) {
    const state = states.get(entry);
    if (state === undefined || (state.paused === null && paused === null)) continue;
    const isNewer = state.paused === null || state.paused.at < at;
    if (isNewer) changes.set(entry, paused);
  }
  return changes;
}

/** Notes that the broker lacks, because it lost its memory or was away: what the record says of pauses. */
export function pausesToNote(
  notes: ReadonlyMap<string, PauseNote>,
  states: ReadonlyMap<string, EntryState>,
): ReadonlyMap<string, string> {
  const missing = new Map<string, string>();
  for (const { name, paused } of states.values()) {
    if (paused === null || (notes.get(name)?.at ?? Number.NEGATIVE_INFINITY) >= paused.at) continue;
    missing.set(pauseName(name), writePause({ at: paused.at, paused }));
  }
  return missing;
}

export function pausedEvent(entry: string, { by, reason }: Pick<Pause, "by" | "reason">): LovageEvent {
  return { type: "entry-paused", entry, by, reason };
}

/** Later than what was said before, whatever the clocks of those who said it: the later word counts. */
export function saidAt(before: Instant | undefined, now: Instant): Instant {
  return Math.max(now, (before ?? 0) + 1);
}

/** How many occurrences may still be counted: it is for people, and entries may have missed a year of seconds. */
export interface CountBudget {
  left: number;
}

export function countBudget(): CountBudget {
  return { left: 20_000 };
}

/** What the schedule held since the pause began; what was on its way then, and still is, is no part of it. */
export function droppedBy(slot: Slot, now: Instant, budget: CountBudget): Dropped | null {
  const { entry, schedule, state } = slot;
  const { paused } = state;
  if (paused === null || !entry.enabled || (entry.maxRuns !== null && state.runs >= entry.maxRuns)) return null;
  const reason = `paused ${byWhom(paused)}`;
  const span = { after: takenUpTo(slot), until: now, limit: Math.max(1, budget.left) };
  const dropped = droppedUpTo(schedule, span, reason);
  budget.left -= dropped?.count ?? 0;
  return dropped;
}

function readPause(text: string): PauseNote | null {
  try {
    const { at, paused } = JSON.parse(text) as Partial<PauseNote>;
    if (typeof at !== "number" || (paused !== null && typeof paused?.by !== "string")) return null;
    return { at, paused };
  } catch {
    return null;
  }
}
