import { describe, expect, it } from "vitest";
import { Ahead } from "../../src/beat/ahead.ts";
import { Plan } from "../../src/beat/plan.ts";
import { lateMs, tick } from "../../src/beat/tick.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { entryOf, envelopeOf, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const dueAt = startAt + 10_000;
const nextAt = dueAt + 10_000;
const who = { by: "test", reason: null, at: startAt };
const names = Array.from({ length: 60 }, (_, index) => `e${index}`);
const entriesOf = (change: Partial<Entry> = {}): readonly Entry[] => names.map((name) => entryOf({ name, ...change }));

async function ready(entries: readonly Entry[] = entriesOf()) {
  const clock = new ManualClock(startAt);
  const plan = new Plan(() => undefined);
  plan.apply(entries, startAt);
  const warmUp = {
    thoroughly: async () => undefined,
    once: async () => undefined,
    isWarm: false,
    isShorterThan: () => true,
  };
  const ahead = new Ahead({ plan, clock, broker: {}, createEnvelope: envelopeOf, warmUp });
  const prepared = ahead.prepare(dueAt, new AbortController().signal);
  await clock.advance(dueAt - startAt);
  await prepared;
  return plan;
}

/** Taken until nothing is left to take, a few at a time. */
function takeAll(plan: Plan, now: number, limit = 7): readonly (readonly string[])[] {
  const taken: (readonly string[])[] = [];
  for (;;) {
    const { due } = tick(plan, now, limit);
    if (due.length === 0) return taken;
    taken.push(due.map(({ entry, dueAt: at }) => `${entry.name} ${at - dueAt}`));
  }
}

const all = (of: readonly string[] = names, afterMs = 0): readonly string[] =>
  of.map((name) => `${name} ${afterMs}`).toSorted();

describe("a group of messages that was made ready", () => {
  it("is taken as a whole, once, and each of its entries moves on", async () => {
    const plan = await ready();
    const [first, ...more] = takeAll(plan, dueAt);
    expect(first?.toSorted()).toEqual(all());
    expect(more).toEqual([]);
    expect(new Set([...plan.slots.values()].map(({ dueAt: at }) => at))).toEqual(new Set([nextAt]));
    expect(takeAll(plan, nextAt).flat().toSorted()).toEqual(all(names, 10_000));
  });

  it("goes without those that were paused, removed, disabled or rescheduled since", async () => {
    const plan = await ready();
    plan.setPaused(new Map([["e1", who]]), startAt + 9000);
    const entries = entriesOf()
      .filter(({ name }) => name !== "e2")
      .map((entry) => {
        if (entry.name === "e3") return entryOf({ name: "e3", enabled: false });
        return entry.name === "e4" ? entryOf({ name: "e4", seconds: 3600 }) : entry;
      });
    plan.apply(entries, startAt + 9000);
    const left = names.filter((name) => !["e1", "e2", "e3", "e4"].includes(name));
    expect(takeAll(plan, dueAt).flat().toSorted()).toEqual(all(left));
    expect(takeAll(plan, nextAt).flat().toSorted()).toEqual(all(left, 10_000));
  });

  it("is taken once with an entry that was removed and has come back, or was paused and resumed", async () => {
    const plan = await ready();
    plan.setPaused(new Map([["e1", who]]), startAt + 9000);
    plan.setPaused(new Map([["e1", null]]), startAt + 9500);
    plan.apply(entriesOf().slice(1), startAt + 9000);
    plan.apply(entriesOf(), startAt + 9500);
    // What is new counts from when it came.
    expect(takeAll(plan, dueAt).flat().toSorted()).toEqual(all(names.slice(1)));
    expect(takeAll(plan, startAt + 19_500).flat()).toEqual(["e0 9500"]);
  });

  it("goes by the policy of each when the clock is set forward over it", async () => {
    const policies = ["all", "latest", "earliest", "skip"] as const;
    const plan = await ready(names.map((name, index) => entryOf({ name, missed: policies[index % 4] ?? "all" })));
    const taken = takeAll(plan, dueAt + 2 * 10_000 + lateMs + 1).flat();
    const by = (policy: number): readonly string[] => names.filter((_, index) => index % 4 === policy);
    const expected = [
      ...[0, 10_000, 20_000].flatMap((afterMs) => all(by(0), afterMs)),
      ...all(by(1), 20_000),
      ...all(by(2)),
    ];
    expect(taken.toSorted()).toEqual(expected.toSorted());
  });

  it("waits when the clock is set back, and is then taken once", async () => {
    const plan = await ready();
    expect(takeAll(plan, dueAt - 3000)).toEqual([]);
    expect(takeAll(plan, dueAt).flat().toSorted()).toEqual(all());
    expect(takeAll(plan, dueAt - 3000)).toEqual([]);
    expect(takeAll(plan, dueAt)).toEqual([]);
  });

  it("ends entries at max_runs, and sets aside one whose schedule fails", async () => {
    const entries = names.map((name, index) => {
      if (index !== 5) return entryOf({ name, maxRuns: 1 });
      const { schedule } = entryOf();
      const next = (after: number): number | null => {
        if (after >= dueAt) throw new Error("no more");
        return dueAt;
      };
      return entryOf({
        name,
        schedule: { ...schedule, toJSON: () => ({ type: "custom" }), describe: () => "", next } as never,
      });
    });
    const plan = await ready(entries);
    expect(
      takeAll(plan, dueAt)
        .flat()
        .filter((one) => one !== "e5 0")
        .toSorted(),
    ).toEqual(all(names.filter((name) => name !== "e5")));
    expect(plan.slots.get("e5")?.fault).toBe("no more");
    expect([...plan.slots.values()].filter(({ dueAt: at }) => at !== null)).toEqual([]);
  });
});
