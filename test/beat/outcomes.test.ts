import { describe, expect, it } from "vitest";
import { scheduledOccurrence } from "../../src/beat/occurrence.ts";
import { Outcomes } from "../../src/beat/outcomes.ts";
import { entryOf, envelopeOf, startAt } from "../helper/beat-stage.ts";

function open() {
  const settled: string[][] = [];
  const outcomes = new Outcomes((answers, refusals) => {
    settled.push([
      ...answers.map(({ occurrence, outcome }) => `${occurrence.entry.name} ${outcome}`),
      ...refusals.map(({ occurrence, reason }) => `${occurrence.entry.name} ${reason}`),
    ]);
  });
  const occurrenceOf = (name: string) => {
    const entry = entryOf({ name });
    return scheduledOccurrence({ entry, schedule: entry.schedule, dueAt: startAt });
  };
  const answer = (names: readonly string[], outcome: "sent" | "duplicate" = "sent"): void => {
    const dispatches = names.map(occurrenceOf).map((occurrence) => ({ occurrence, envelope: envelopeOf(occurrence) }));
    outcomes.answer({ dispatches, outcomes: names.map(() => outcome), sentAt: startAt });
  };
  const refuse = (name: string): void =>
    outcomes.refuse([{ occurrence: occurrenceOf(name), cause: "refused", reason: "refused" }]);
  return { outcomes, settled, answer, refuse };
}

describe("outcomes that wait to be written down", () => {
  it("are settled by batches, oldest first, until enough is done", () => {
    const { outcomes, settled, answer } = open();
    answer(["a", "b"]);
    answer(["c"], "duplicate");
    answer(["d"]);
    expect(outcomes.size).toBe(4);
    expect(outcomes.settle(3)).toBe(true);
    expect(settled).toEqual([["a sent", "b sent", "c duplicate"]]);
    expect(outcomes.size).toBe(1);
    expect(outcomes.settle(3)).toBe(false);
    expect(settled.slice(1)).toEqual([["d sent"]]);
    expect(outcomes.size).toBe(0);
  });

  it("keep what was refused behind what was sent before it", () => {
    const { outcomes, settled, answer, refuse } = open();
    answer(["a"]);
    answer(["b"]);
    refuse("c");
    expect(outcomes.settle(1)).toBe(true);
    expect(outcomes.settle(1)).toBe(false);
    expect(settled).toEqual([["a sent"], ["b sent", "c refused"]]);
  });

  it("are settled all at once when asked to, each once", () => {
    const { outcomes, settled, answer, refuse } = open();
    answer(["a"]);
    refuse("b");
    answer(["c"]);
    expect(outcomes.settle()).toBe(false);
    expect(outcomes.settle()).toBe(false);
    expect(settled).toEqual([["a sent", "c sent", "b refused"]]);
  });
});
