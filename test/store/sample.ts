// States and runs to record, whole but for what a test is about.
import type { EntryState, Run } from "../../src/store/store.ts";

export const AT = Date.UTC(2026, 10, 21, 10);

export function stateOf(name: string, change: Partial<EntryState> = {}): EntryState {
  return {
    name,
    scheduleHash: "hash-1",
    anchorAt: AT,
    settledAt: AT,
    lastDueAt: null,
    lastSentAt: null,
    lastTaskId: null,
    runs: 0,
    missed: 0,
    skipped: 0,
    failed: 0,
    paused: null,
    ...change,
  };
}

export function runOf(entry: string, change: Partial<Run> = {}): Run {
  return { entry, dueAt: AT, at: AT + 3, outcome: "sent", taskId: "task-1", reason: null, ...change };
}
