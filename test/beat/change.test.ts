import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changeEntries, type PlanChange } from "../../src/beat/change.ts";
import { Plan } from "../../src/beat/plan.ts";
import { settleAnswers, settleMissed } from "../../src/beat/settle.ts";
import { atOnce } from "../../src/beat/steps.ts";
import { tick } from "../../src/beat/tick.ts";
import { defer, endRun } from "../../src/beat/under-way.ts";
import type { Entry, MissedPolicy } from "../../src/schedule/entry.ts";
import type { Pause } from "../../src/store/store.ts";
import { entryOf, startAt } from "../helper/beat-stage.ts";

const unlimited = 1_000_000;

/** What was taken from a plan, in order: name, nominal second, and whether it was made up or given up. */
type Story = readonly [name: string, dueAt: number, what: string];

/** Takes what is due, and settles it at once. */
function takeDue(plan: Plan, now: number, limit = unlimited): readonly Story[] {
  const { due, missed } = tick(plan, now, limit);
  for (const one of missed) {
    if (defer(one.slot, { dropped: one.dropped, cause: "missed" })) settleMissed(one, now);
  }
  for (const occurrence of due) {
    const answer = { occurrence, taskId: "id", task: "", queue: "", outcome: "sent" as const, sentAt: now };
    settleAnswers(plan.slots, [answer]);
    const slot = plan.slots.get(occurrence.entry.name);
    if (slot === undefined) continue;
    for (const { dropped } of endRun(slot, occurrence.dueAt)) settleMissed({ slot, dropped }, now);
  }
  return [
    ...missed.map(({ slot, dropped }): Story => [slot.entry.name, dropped.toAt - startAt, `missed ${dropped.count}`]),
    ...due.map(
      ({ entry, dueAt, occasion }): Story => [entry.name, dueAt - startAt, `${occasion} ${String(entry.args[0])}`],
    ),
  ];
}

function storyOf(name: string, stories: readonly Story[]): readonly Story[] {
  return stories.filter(([of]) => of === name);
}

/** The same plan, made of one plan for each entry, to which each change is made as a whole. */
class Reference {
  readonly #plans = new Map<string, Plan>();
  readonly stories: Story[] = [];

  plan(name: string): Plan {
    const plan = this.#plans.get(name) ?? new Plan(() => undefined);
    this.#plans.set(name, plan);
    return plan;
  }

  tick(now: number): void {
    for (const plan of this.#plans.values()) this.stories.push(...takeDue(plan, now));
  }
}

const names = Array.from({ length: 8 }, (_, index) => `entry-${index}`);

const entryShape = fc.record({
  seconds: fc.constantFrom(1, 2, 3, 7),
  argument: fc.nat(1),
  missed: fc.constantFrom<MissedPolicy>("latest", "earliest", "all", "skip"),
  maxRuns: fc.constantFrom(null, 2, 5),
  isThere: fc.boolean(),
});

/** What happens between two steps. */
const happening = fc.oneof(
  { arbitrary: fc.constant({ kind: "nothing" as const }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant("tick" as const), afterMs: fc.nat(12_000) }), weight: 4 },
  {
    arbitrary: fc.record({
      kind: fc.constant("pause" as const),
      name: fc.constantFrom(...names),
      isPaused: fc.boolean(),
    }),
    weight: 2,
  },
);

type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

const reload = fc.record({
  shapes: fc.array(entryShape, { minLength: names.length, maxLength: names.length }),
  between: fc.array(happening, { maxLength: 30 }),
  after: fc.array(happening, { maxLength: 6 }),
});

function entriesOf(shapes: readonly (typeof entryShape extends fc.Arbitrary<infer Value> ? Value : never)[]): Entry[] {
  return shapes.flatMap(({ isThere, argument, ...rest }, index) => {
    return isThere ? [entryOf({ name: names[index] ?? "", args: [argument], ...rest })] : [];
  });
}

/** A plan that is changed step by step, and beside it the reference. */
class Course {
  readonly plan = new Plan(() => undefined);
  readonly reference = new Reference();
  readonly stories: Story[] = [];
  now = startAt;

  happen(what: Happening): void {
    if (what.kind === "tick") {
      this.now += what.afterMs;
      this.stories.push(...takeDue(this.plan, this.now));
      this.reference.tick(this.now);
    }
    if (what.kind === "pause") {
      const pause: Pause | null = what.isPaused ? { at: this.now, by: "alice", reason: null } : null;
      this.plan.setPaused(new Map([[what.name, pause]]), this.now);
      this.reference.plan(what.name).setPaused(new Map([[what.name, pause]]), this.now);
    }
  }

  /** Whatever a step did to an entry is done to the reference's as a whole, at the same instant. */
  reload(entries: readonly Entry[], between: readonly Happening[]): PlanChange {
    const steps = changeEntries(this.plan, { entries, now: () => this.now });
    for (let count = 0; ; count += 1) {
      const before = new Map([...this.plan.slots].map(([name, { entry }]) => [name, entry]));
      const step = steps.next();
      for (const name of names) {
        const entry = this.plan.slots.get(name)?.entry;
        if (entry !== before.get(name)) this.reference.plan(name).apply(entry === undefined ? [] : [entry], this.now);
      }
      if (step.done === true) return step.value;
      this.happen(between[count] ?? { kind: "nothing" });
    }
  }
}

describe("a new set of entries that comes in step by step", () => {
  it("gives each entry the runs it has when all is applied at once, whatever happens between the steps", () => {
    fc.assert(
      fc.property(fc.array(reload, { minLength: 1, maxLength: 6 }), (reloads) => {
        const course = new Course();
        for (const { shapes, between, after } of reloads) {
          const entries = entriesOf(shapes);
          course.reload(entries, between);
          expect([...course.plan.slots.values()].map(({ entry }) => entry).toSorted(byName)).toEqual(entries);
          for (const what of after) course.happen(what);
        }
        course.happen({ kind: "tick", afterMs: 60_000 });
        for (const name of names) {
          expect(storyOf(name, course.stories)).toEqual(storyOf(name, course.reference.stories));
        }
      }),
      { numRuns: 400 },
    );
  });

  it("leaves out no run and repeats none of what stays, with many at a time or few", () => {
    const taking = fc.record({ limit: fc.constantFrom(1, 3, unlimited), afterMs: fc.nat(3000) });
    const edits = fc.array(fc.record({ argument: fc.nat(3), between: fc.array(taking, { maxLength: 30 }) }));
    fc.assert(
      fc.property(edits, (reloads) => {
        const plan = new Plan(() => undefined);
        const stories: Story[] = [];
        let now = startAt;
        const named = (argument: number): Entry[] =>
          names.map((name, index) => entryOf({ name, seconds: 1 + (index % 3), args: [argument], missed: "all" }));
        plan.apply(named(0), now);
        for (const { argument, between } of reloads) {
          const steps = changeEntries(plan, { entries: named(argument).toReversed(), now: () => now });
          for (const { limit, afterMs } of between) {
            steps.next();
            now += afterMs;
            stories.push(...takeDue(plan, now, limit));
          }
          atOnce(steps);
        }
        stories.push(...takeDue(plan, now));
        for (const [index, name] of names.entries()) {
          const everyMs = 1000 * (1 + (index % 3));
          const expected = Array.from(
            { length: Math.floor((now - startAt) / everyMs) },
            (_, run) => (run + 1) * everyMs,
          );
          expect(storyOf(name, stories).map(([, dueAt]) => dueAt)).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("tells apart what is added, changed and removed, and does nothing to what is the same", () => {
    const plan = new Plan(() => undefined);
    const [kept, args, edited, gone] = ["kept", "args", "edited", "gone"].map((name) => entryOf({ name }));
    if (!kept || !args || !edited || !gone) throw new Error("four were made");
    plan.apply([kept, args, edited, gone], startAt);
    const { version } = plan;
    const entries = [kept, { ...args, args: [1] }, entryOf({ name: "edited", seconds: 5 }), entryOf({ name: "new" })];
    const slot = plan.slots.get("kept");
    expect(plan.apply(entries, startAt + 1000)).toEqual({ added: ["new"], changed: ["edited"], removed: ["gone"] });
    expect(plan.slots.get("kept")).toBe(slot);
    expect(plan.slots.get("args")).toMatchObject({ entry: { args: [1] }, dueAt: startAt + 10_000 });
    expect(plan.version).toBeGreaterThan(version);
    const after = plan.version;
    plan.apply(entries, startAt + 2000);
    expect(plan.version).toBe(after);
  });

  it("ends an entry under its old name in the step in which it begins under its new one", () => {
    const plan = new Plan(() => undefined);
    const under = (suffix: string): Entry[] => names.map((name) => entryOf({ name: `${name}${suffix}` }));
    plan.apply(under(""), startAt);
    for (const steps = changeEntries(plan, { entries: under("-new"), now: () => startAt }); !steps.next().done; ) {
      expect(plan.slots.size).toBe(names.length);
    }
    expect([...plan.slots.keys()]).toEqual(under("-new").map(({ name }) => name));
  });
});

function byName(left: Entry, right: Entry): number {
  return left.name < right.name ? -1 : 1;
}
