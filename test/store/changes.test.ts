import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";
import { freshState } from "../../src/beat/standing.ts";
import { createState } from "../../src/store/changes.ts";
import { readState } from "../../src/store/redis/steps.ts";
import type { EntryState } from "../../src/store/store.ts";
import { entryOf } from "../helper/beat-stage.ts";
import { AT, stateOf } from "./sample.ts";

/** How many have the same layout in memory as the one before, by V8's own word. */
function countAlike(states: readonly (EntryState | null)[]): number {
  setFlagsFromString("--allow-natives-syntax");
  try {
    const haveOneLayout = runInThisContext("(one, other) => %HaveSameMap(one, other)") as (
      ...both: unknown[]
    ) => boolean;
    return states.filter((state, index) => haveOneLayout(state, states[Math.max(0, index - 1)])).length;
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
}

it.each<[string, (name: string) => EntryState | null]>([
  ["new", (name) => freshState(entryOf({ name }), undefined, AT)],
  ["edited", (name) => freshState(entryOf({ name }), stateOf(name, { runs: 3, lastDueAt: AT }), AT)],
  ["read", (name) => readState(name, JSON.stringify(stateOf(name, { missed: 2 })))],
])("states that are %s have one layout: each with its own took more memory than all it held", (_, make) => {
  const states = Array.from({ length: 1000 }, (_each, index) => make(`entry-${index}`));
  // V8 may change its mind about it once or twice.
  expect(countAlike(states)).toBeGreaterThan(990);
});

it("a state keeps all that is known of it, and has never run as far as nothing is known", () => {
  const whole = stateOf("a", {
    runs: 3,
    lastTaskId: "task",
    lastSentAt: AT,
    paused: { at: AT, by: "me", reason: null },
  });
  expect(createState(whole)).toEqual(whole);
  expect(createState({ name: "a", scheduleHash: "hash-1", anchorAt: AT, settledAt: AT })).toEqual(stateOf("a"));
});
