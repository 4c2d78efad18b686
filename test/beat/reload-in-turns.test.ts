import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { entryOf, type Stage, stage, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const count = 400;
const names = Array.from({ length: count }, (_, index) => `entry-${index}`);

function entriesEvery(seconds: number): Entry[] {
  return names.map((name) => entryOf({ name, seconds, missed: "all" }));
}

/** Once it leads, it is on a machine so slow that a turn is over after a few entries. */
async function slowStage(entries: readonly Entry[]): Promise<Stage> {
  const manual = new ManualClock(startAt);
  let workedMs = 0;
  let stepMs = 0;
  const slow = (): number => {
    workedMs += stepMs;
    return manual.monotonic() + workedMs;
  };
  const clock: Clock = { now: manual.now, sleep: manual.sleep, monotonic: slow };
  const tools = {
    clock: manual,
    broker: new MemoryBroker({ clock: manual }),
    store: new MemoryStore({ clock: manual }),
  };
  const on = await stage({ ...tools, entries, more: { clock } });
  stepMs = 0.5;
  return on;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** How many entries are planned to run every so many seconds. */
function planned({ steering }: Stage, text: string): number {
  return steering.list({ offset: 0, limit: 1000 }).rows.filter(({ schedule }) => schedule === text).length;
}

describe("a reload that takes many turns", () => {
  it("is half done at times, while what is due is sent when it is due", async () => {
    const on = await slowStage([...entriesEvery(3600), entryOf({ seconds: 1 })]);
    const reloading = on.beat.reload([...entriesEvery(7200), entryOf({ seconds: 1 })]);
    await until(() => planned(on, "every 2 hours") > 0);
    expect(planned(on, "every 1 hour")).toBeGreaterThan(0);
    await on.clock.advance(1000);
    expect(on.sent("ten")).toEqual([1]);
    await on.clock.advance(20_500);
    await reloading;
    expect(planned(on, "every 2 hours")).toBe(count);
    expect(on.sent()).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
    expect(on.eventsOf("occurrence-sent").filter(({ dueAt, sentAt }) => sentAt !== dueAt)).toEqual([]);
    await on.beat.stop();
  });

  it("keeps what is paused and resumed meanwhile as it was told", async () => {
    const on = await slowStage(entriesEvery(3600));
    await on.steering.pause({ entries: ["entry-1", "entry-398"], by: "alice", reason: null });
    const reloading = on.beat.reload(entriesEvery(10));
    await until(() => planned(on, "every 10 seconds") > 2);
    expect(planned(on, "every 1 hour")).toBeGreaterThan(2);
    const paused = ["entry-0", "entry-399"];
    const told = [
      on.steering.pause({ entries: paused, by: "alice", reason: null }),
      on.steering.resume({ entries: ["entry-1", "entry-398"], by: "alice", catchUp: false }),
    ];
    await on.clock.advance(0);
    await Promise.all([reloading, ...told]);
    await on.clock.advance(10_000);
    expect(on.sent()).toHaveLength(count - paused.length);
    expect(paused.flatMap((name) => on.sent(name))).toEqual([]);
    const { entries } = await on.store.load();
    expect([...entries.values()].filter((state) => state.paused !== null).map(({ name }) => name)).toEqual(paused);
    await on.beat.stop();
  });

  it("is over before the next term begins, which finds all of it", async () => {
    const on = await slowStage([entryOf(), ...entriesEvery(10)]);
    await on.clock.advance(10_000);
    const term = on.eventsOf("beat-started")[0]?.term ?? 0;
    await on.broker.leases.dropMarks({ scope: "test", owner: { id: "any", label: "any" }, term }, ["ten"]);
    const reloading = on.beat.reload([entryOf(), ...entriesEvery(30)]);
    await until(() => planned(on, "every 30 seconds") > 0);
    await Promise.all([on.beat.recheck(), on.clock.advance(1000), reloading]);
    while (on.eventsOf("beat-started").length < 2) await on.clock.advance(100);
    await on.clock.advance(61_000);
    const order = on.events
      .map(({ type }) => type)
      .filter((type) => type === "beat-started" || type === "reload-applied");
    expect(order).toEqual(["beat-started", "reload-applied", "beat-started"]);
    // Each counts from its own turn, of which some came a second later.
    const runs = new Set(names.map((name) => on.sent(name).join(" ")));
    expect([...runs].filter((each) => each !== "10 40 70" && each !== "10 41 71")).toEqual([]);
    await on.beat.stop();
  });

  it("is followed by the next, and the last one stands", async () => {
    const on = await slowStage(entriesEvery(3600));
    const reloads = [entriesEvery(10), entriesEvery(20).slice(0, 100), entriesEvery(15)].map((entries) => {
      return on.beat.reload(entries);
    });
    await on.clock.advance(0);
    await Promise.all(reloads);
    await on.clock.advance(15_000);
    for (const name of names) expect([name, on.sent(name)]).toEqual([name, [15]]);
    const { entries } = await on.store.load();
    expect(entries.size).toBe(count);
    await on.beat.stop();
  });
});
