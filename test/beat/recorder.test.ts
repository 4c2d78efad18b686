import { expect, it } from "vitest";
import { Recorder } from "../../src/beat/recorder.ts";
import { LovageError } from "../../src/error.ts";
import type { LovageEvent } from "../../src/event.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Changes } from "../../src/store/store.ts";
import { runOf, stateOf } from "../store/sample.ts";

const many = 5000;
const names = Array.from({ length: many }, (_, index) => `entry-${index}`);
const states = names.map((name) => stateOf(name));

/** A store whose writes go through `allow` first. */
function recorderOn(allow: (changes: Changes) => void) {
  const events: LovageEvent[] = [];
  const sizes: number[] = [];
  class Store extends MemoryStore {
    override async record(changes: Changes): Promise<void> {
      allow(changes);
      sizes.push(changes.states?.length ?? 0);
      await super.record(changes);
    }
  }
  const store = new Store();
  return { store, sizes, events, recorder: new Recorder(store, (event) => events.push(event)) };
}

it("a burst is written in slices, so that none holds the loop for long, and all of it is there in the end", async () => {
  const { store, sizes, recorder } = recorderOn(() => undefined);
  await recorder.record({ states, runs: names.map((name) => runOf(name)), forget: ["gone"] });
  expect(sizes.length).toBeGreaterThan(1);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(many / 2);
  expect((await store.load()).entries.size).toBe(many);
  expect(await store.history("entry-4999", 10)).toHaveLength(1);
});

it("a slice that cannot be written waits with all behind it for the next call, and what is newer stands", async () => {
  const room = { slices: 1 };
  const { store, events, recorder } = recorderOn(() => {
    room.slices -= 1;
    if (room.slices < 0) throw new Error("the disk is full");
  });
  await recorder.record({ states, runs: names.map((name) => runOf(name)) });
  expect(events.map(({ type }) => type)).toEqual(["record-failed"]);
  room.slices = Number.POSITIVE_INFINITY;
  await recorder.record({ states: [stateOf("entry-4000", { runs: 7 })], forget: ["entry-4500"] });
  const { entries } = await store.load();
  expect(entries.size).toBe(many - 1);
  expect(entries.get("entry-4000")?.runs).toBe(7);
  expect(entries.has("entry-4500")).toBe(false);
  expect(await store.history("entry-4999", 10)).toHaveLength(1);
  expect(events.map(({ type }) => type)).toEqual(["record-failed", "record-recovered"]);
});

it("that a term is over is told once, however much was to be written under it", async () => {
  const { store, events, recorder } = recorderOn(({ term = 0 }) => {
    if (term < 2) throw new LovageError("stale-term", "term 1 is over");
  });
  recorder.term = 1;
  await recorder.record({ states });
  expect(events.map(({ type }) => type)).toEqual(["record-failed"]);
  recorder.term = 2;
  await recorder.record({ states: states.slice(0, 1) });
  expect((await store.load()).entries.size).toBe(1);
});
