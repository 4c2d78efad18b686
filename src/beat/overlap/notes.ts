// The last runs of entries with an overlap policy as notes on the broker, so that a standby without our disk knows which run it
// has to ask about; and what to believe when note and beat-record differ: whichever was sent later.
import type { EntryState } from "../../store/store.ts";
import type { PreviousRun } from "./overlap.ts";

const prefix = "run:";

export function runName(entry: string): string {
  return `${prefix}${entry}`;
}

export function writeRun({ taskId, sentAt }: PreviousRun): string {
  return JSON.stringify({ taskId, sentAt });
}

/** The notes of runs among all notes, by entry. What is none of ours is passed over. */
export function readRuns(notes: ReadonlyMap<string, string>): ReadonlyMap<string, PreviousRun> {
  const found = new Map<string, PreviousRun>();
  for (const [name, text] of notes) {
    const run = name.startsWith(prefix) ? readRun(text) : null;
    if (run !== null) found.set(name.slice(prefix.length), run);
  }
  return found;
}

/** Entries whose state knows only of an older run than the broker's notes. */
export function runsToAdopt(
  notes: ReadonlyMap<string, PreviousRun>,
  states: ReadonlyMap<string, EntryState>,
): ReadonlyMap<string, PreviousRun> {
  const isNewer = ([entry, { sentAt }]: readonly [string, PreviousRun]): boolean => {
    const state = states.get(entry);
    return state !== undefined && (state.lastSentAt === null || state.lastSentAt < sentAt);
  };
  return new Map([...notes].filter(isNewer));
}

function readRun(text: string): PreviousRun | null {
  try {
    const { taskId, sentAt } = JSON.parse(text) as Partial<PreviousRun>;
    return typeof taskId === "string" && typeof sentAt === "number" ? { taskId, sentAt } : null;
  } catch {
    return null;
  }
}
