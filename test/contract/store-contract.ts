// What every store promises, whatever it is made of: each adapter's test calls this.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import type { Changes, EntryState, Run, Store } from "../../src/store/store.ts";
import { AT, runOf, stateOf } from "../store/sample.ts";

/** How many runs per entry the stores under test are to keep. */
export const HISTORY = 5;

/** @param open makes a fresh, empty store that keeps {@link HISTORY} runs per entry; the suite closes it */
export function storeContract(name: string, open: () => Promise<Store>): void {
  const withStore = async (work: (store: Store) => Promise<void>): Promise<void> => {
    const store = await open();
    try {
      await work(store);
    } finally {
      await store.close();
    }
  };

  describe(`${name} keeps the contract of a store`, () => {
    it("begins empty, with an id of its own that does not change", () =>
      withStore(async (store) => {
        const first = await store.load();
        expect(first.entries.size).toBe(0);
        expect(first.id).toMatch(/^[0-9a-f-]{36}$/);
        expect((await store.load()).id).toBe(first.id);
        await withStore(async (other) => expect((await other.load()).id).not.toBe(first.id));
      }));

    it("gives back every field of a state, filled or empty", () =>
      withStore(async (store) => {
        const empty = stateOf("empty");
        const full = stateOf("full ☀ 'quoted'", {
          lastDueAt: AT + 1,
          lastSentAt: AT + 2,
          lastTaskId: "8e0f5a7e-0000-5000-8000-000000000000",
          runs: 7,
          missed: 2,
          skipped: 3,
          failed: 1,
          paused: { at: AT + 9, by: "ada", reason: "the roof is being mended" },
        });
        const paused = stateOf("paused", { paused: { at: AT, by: "", reason: null } });
        await store.record({ states: [empty, full, paused] });
        const { entries } = await store.load();
        expect([...entries.values()].sort(byName)).toEqual([empty, full, paused]);
      }));

    it("writes a state over the one before, and the last of two in one change wins", () =>
      withStore(async (store) => {
        await store.record({ states: [stateOf("a", { runs: 1 }), stateOf("b")] });
        await store.record({ states: [stateOf("a", { runs: 2 }), stateOf("a", { runs: 3 })] });
        const { entries } = await store.load();
        expect([entries.get("a")?.runs, entries.get("b")?.runs]).toEqual([3, 0]);
      }));

    it("forgets a state but keeps its history, and takes the name back when it returns", () =>
      withStore(async (store) => {
        await store.record({ states: [stateOf("a"), stateOf("b")], runs: [runOf("a")] });
        await store.record({ forget: ["a", "never-known"] });
        expect([...(await store.load()).entries.keys()]).toEqual(["b"]);
        expect(await store.history("a", 10)).toEqual([runOf("a")]);
        await store.record({ forget: ["a"], states: [stateOf("a", { runs: 9 })] });
        expect((await store.load()).entries.get("a")?.runs).toBe(9);
      }));

    it("tells the newest runs first, as recorded, each entry's apart", () =>
      withStore(async (store) => {
        const runs = [
          runOf("a", { dueAt: AT + 60_000 }),
          runOf("b", { outcome: "failed", taskId: null, reason: "no route" }),
          runOf("a", { dueAt: AT, outcome: "duplicate", reason: "backfill" }),
        ];
        await store.record({ runs });
        expect(await store.history("a", 10)).toEqual([runs[2], runs[0]]);
        expect(await store.history("a", 1)).toEqual([runs[2]]);
        expect(await store.history("b", 10)).toEqual([runs[1]]);
        expect(await store.history("none", 10)).toEqual([]);
      }));

    it("keeps a bounded history per entry: the newest", () =>
      withStore(async (store) => {
        for (let minute = 0; minute < 3 * HISTORY; minute += 1) {
          await store.record({
            runs: [runOf("busy", { dueAt: AT + minute }), ...(minute === 0 ? [runOf("rare")] : [])],
          });
        }
        const kept = (await store.history("busy", 1_000)).map((run) => run.dueAt - AT);
        expect(kept).toEqual(Array.from({ length: HISTORY }, (_, index) => 3 * HISTORY - 1 - index));
        expect(await store.history("rare", 1_000)).toHaveLength(1);
      }));

    it("takes a change whole or not at all", () =>
      withStore(async (store) => {
        await store.record({ states: [stateOf("a", { runs: 1 })] });
        for (const poison of [
          { states: [stateOf("c", { settledAt: Number.NaN })] },
          { states: [stateOf("c", { skipped: Number.NaN })] },
          { runs: [runOf("c", { at: Infinity })] },
        ]) {
          const change = store.record({
            forget: ["a"],
            states: [stateOf("b"), ...(poison.states ?? [])],
            runs: [runOf("b"), ...(poison.runs ?? [])],
          });
          await expect(change).rejects.toThrow(/"c" holds a time or count that is no number/);
        }
        expect([...(await store.load()).entries.keys()]).toEqual(["a"]);
        expect(await store.history("b", 10)).toEqual([]);
      }));

    it("takes an empty change", () =>
      withStore(async (store) => {
        await store.record({});
        await store.record({ states: [], runs: [], forget: [] });
        expect((await store.load()).entries.size).toBe(0);
      }));

    it("gives out a snapshot: later changes do not move what was loaded", () =>
      withStore(async (store) => {
        await store.record({ states: [stateOf("a")] });
        const { entries } = await store.load();
        await store.record({ states: [stateOf("a", { runs: 5 }), stateOf("b")] });
        expect([entries.size, entries.get("a")?.runs]).toEqual([1, 0]);
      }));

    it("answers as a plain map and lists would, after any sequence of small and large changes", async () => {
      const names = fc.constantFrom("a", "b", "c", "d");
      const change = fc.record({
        states: fc.array(fc.tuple(names, fc.nat(1_000)), { maxLength: 4 }),
        runs: fc.array(fc.tuple(names, fc.nat(1_000)), { maxLength: 4 }),
        forget: fc.array(names, { maxLength: 2 }),
        extra: fc.constantFrom(0, 0, 200),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 12 }), (changes) =>
          withStore((store) => compare(store, changes)),
        ),
        { numRuns: 30 },
      );
    });

    it("takes a thousand changes at once, and answers at once as if they came one by one", () =>
      withStore(async (store) => {
        const numbers = Array.from({ length: 1_000 }, (_, index) => index);
        const states = numbers.map((index) => stateOf(`entry-${index}`, { runs: 1 }));
        const runs = numbers.map((index) => runOf(`entry-${index}`, { taskId: `task-${index}` }));
        await store.record({ states, runs });
        await store.record({ states: [stateOf("entry-7", { runs: 2 })], runs: [runOf("entry-7", { taskId: "late" })] });
        expect((await store.history("entry-7", 10)).map((run) => run.taskId)).toEqual(["late", "task-7"]);
        const { entries } = await store.load();
        expect([entries.size, entries.get("entry-7")?.runs, entries.get("entry-999")?.runs]).toEqual([1_000, 2, 1]);
        expect((await store.history("entry-7", 10)).map((run) => run.taskId)).toEqual(["late", "task-7"]);
      }));

    it("closes twice without harm, and then says that it is closed", async () => {
      const store = await open();
      await store.close();
      await store.close();
      for (const attempt of [store.load(), store.record({}), store.history("a", 1)]) {
        const error = await attempt.then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(LovageError);
        expect((error as LovageError).message).toBe(`the beat-record ${store.location} is closed`);
      }
    });
  });
}

interface GeneratedChange {
  readonly states: readonly (readonly [string, number])[];
  readonly runs: readonly (readonly [string, number])[];
  readonly forget: readonly string[];
  readonly extra: number;
}

async function compare(store: Store, generated: readonly GeneratedChange[]): Promise<void> {
  const states = new Map<string, EntryState>();
  const runs: Run[] = [];
  for (const change of generated.map(toChanges)) {
    await store.record(change);
    for (const name of change.forget ?? []) states.delete(name);
    for (const state of change.states ?? []) states.set(state.name, state);
    runs.push(...(change.runs ?? []));
    for (const name of ["a", "x-3"]) {
      const expected = runs.filter((run) => run.entry === name).reverse();
      expect(await store.history(name, HISTORY)).toEqual(expected.slice(0, HISTORY));
    }
  }
  expect(new Map((await store.load()).entries)).toEqual(states);
}

function toChanges({ states, runs, forget, extra }: GeneratedChange): Changes {
  const many = Array.from({ length: extra }, (_, index) => `x-${index}`);
  return {
    states: [...states.map(([name, count]) => stateOf(name, { runs: count })), ...many.map((name) => stateOf(name))],
    runs: [...runs.map(([name, at]) => runOf(name, { dueAt: at })), ...many.map((name) => runOf(name))],
    forget,
  };
}

function byName(left: EntryState, right: EntryState): number {
  return left.name < right.name ? -1 : 1;
}
