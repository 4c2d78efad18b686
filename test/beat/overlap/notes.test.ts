import { describe, expect, it } from "vitest";
import { readRuns, runName, runsToAdopt, writeRun } from "../../../src/beat/overlap/notes.ts";
import type { EntryState } from "../../../src/store/store.ts";
import { startAt } from "../../helper/beat-stage.ts";

const run = { taskId: "9f0c", sentAt: startAt };

function stateOf(name: string, lastSentAt: number | null): EntryState {
  const times = { anchorAt: 0, settledAt: 0, lastDueAt: lastSentAt, lastSentAt, lastTaskId: null };
  return { name, scheduleHash: "", ...times, runs: 0, missed: 0, skipped: 0, failed: 0, paused: null };
}

describe("notes of last runs", () => {
  it("are read back as they were written, and other notes are passed over", () => {
    const notes = new Map([
      [runName("sync: all"), writeRun(run)],
      ["pause:sync", "{}"],
      [runName("broken"), "{"],
      [runName("strange"), '{"taskId":1,"sentAt":"now"}'],
    ]);
    expect([...readRuns(notes)]).toEqual([["sync: all", run]]);
  });

  it("count where the record knows of no run, or of an older one", () => {
    const states = [stateOf("none", null), stateOf("older", startAt - 1), stateOf("same", startAt)];
    const notes = new Map(["none", "older", "same", "gone"].map((name) => [name, run]));
    const adopted = runsToAdopt(notes, new Map(states.map((state) => [state.name, state])));
    expect([...adopted.keys()]).toEqual(["none", "older"]);
  });
});
