import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { RefusedError } from "../../src/broker/broker.ts";
import { Recorder } from "../../src/beat/recorder.ts";
import type { LovageEvent } from "../../src/event.ts";
import { every } from "../../src/schedule/interval.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Changes, EntryState } from "../../src/store/store.ts";
import { entryOf, envelopeOf, stage, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const minute = 60_000;
const day = 86_400_000;

/** A schedule of the user's own that answers until it is asked about a time from `fromAt` on. */
function failing(fromAt: number) {
  const grid = every(10, { anchor: startAt });
  return {
    next: (after: number): number | null => {
      if (after >= fromAt) throw new Error("the schedule is broken");
      return grid.next(after);
    },
    describe: () => "failing",
    toJSON: () => ({ kind: "failing" }),
  };
}

describe("an entry whose schedule begins to throw", () => {
  it("is put aside when its next time is asked for, and loses nobody else's occurrence", async () => {
    const bad = entryOf({ name: "bad", schedule: failing(startAt + 10_000), options: { expires: "next" } });
    const entries = [entryOf({ name: "before" }), bad, entryOf({ name: "after" })];
    const { beat, clock, sent, eventsOf } = await stage({ entries });
    await clock.advance(30_000);
    expect(sent("before")).toEqual([10, 20, 30]);
    expect(sent("after")).toEqual([10, 20, 30]);
    expect(eventsOf("entry-quarantined").map((event) => event.entry)).toEqual(["bad"]);
    expect(eventsOf("entry-finished")).toEqual([]);
    expect(eventsOf("beat-lost-lease")).toEqual([]);
    await beat.stop();
  });

  it("is put aside when what it missed is worked out, and beat goes on", async () => {
    const entries = [entryOf({ name: "bad", schedule: failing(startAt + 30_000) }), entryOf()];
    const { beat, clock, sent, eventsOf } = await stage({ entries });
    clock.jump(10 * minute);
    await clock.advance(30_000);
    expect(sent("ten").at(-1)).toBe(630);
    expect(eventsOf("entry-quarantined").map((event) => event.entry)).toEqual(["bad"]);
    expect(eventsOf("beat-lost-lease")).toEqual([]);
    await beat.stop();
  });
});

describe("what is made up", () => {
  it("under `earliest` is not lost when beat stops before it could be sent, and is sent once", async () => {
    const clock = new ManualClock(startAt);
    const network = { isDown: false };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (network.isDown) throw new Error("connection refused");
      },
    });
    const entries = [entryOf({ missed: "earliest" })];
    const first = await stage({ clock, broker, entries });
    await clock.advance(20_000);
    network.isDown = true;
    clock.jump(10 * minute);
    await clock.advance(5000);
    const stopped = first.beat.stop();
    await clock.advance(1000);
    await stopped;
    network.isDown = false;
    const second = await stage({ clock, broker, store: first.store, entries });
    await clock.advance(1000);
    expect(second.sent()).toEqual([10, 20, 30]);
    await second.beat.stop();
    const third = await stage({ clock, broker, store: new MemoryStore({ clock }), entries });
    expect(third.sent()).toEqual([10, 20, 30]);
    await third.beat.stop();
  });

  it("with `expires: next` lives until the next occurrence from now, not from its own time", async () => {
    const options = { expires: "next" };
    const first = await stage({ entries: [entryOf({ missed: "all", options })] });
    await first.clock.advance(10_000);
    await first.beat.stop();
    await first.clock.advance(37_000);
    const { clock, broker, store } = first;
    const expiries: Record<number, number | null> = {};
    const createEnvelope: typeof envelopeOf = (occurrence) => {
      const { dueAt, nextDueAt } = occurrence;
      expiries[(dueAt - startAt) / 1000] = nextDueAt === null ? null : (nextDueAt - startAt) / 1000;
      return envelopeOf(occurrence);
    };
    const second = await stage({
      clock,
      broker,
      store,
      entries: [entryOf({ missed: "all", options })],
      more: { createEnvelope },
    });
    await clock.advance(3000);
    expect(second.sent()).toEqual([10, 20, 30, 40, 50]);
    expect(expiries).toEqual({ 20: 50, 30: 50, 40: 50, 50: 60 });
    await second.beat.stop();
  });
});

describe("an answer that got lost", () => {
  it("counts as the run that it was: max_runs holds over it, and over a restart", async () => {
    const clock = new ManualClock(startAt);
    let losses = 1;
    const broker = new MemoryBroker({
      clock,
      after: () => {
        losses -= 1;
        if (losses >= 0) throw new Error("connection reset");
      },
    });
    const entries = [entryOf({ maxRuns: 1 })];
    const first = await stage({ clock, broker, entries });
    await clock.advance(15_000);
    expect((await first.store.load()).entries.get("ten")).toMatchObject({ runs: 1, lastDueAt: startAt + 10_000 });
    await first.beat.stop();
    const second = await stage({ clock, broker, store: first.store, entries });
    await clock.advance(minute);
    expect(second.sent()).toEqual([10]);
    await second.beat.stop();
  });
});

describe("a broker that refuses one message for good", () => {
  it("does not hold up the others", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({
      clock,
      before: (batch) => {
        if (batch.some((envelope) => envelope.task === "forbidden")) throw new RefusedError("no permission");
      },
    });
    const entries = [entryOf({ name: "a" }), entryOf({ name: "b", task: "forbidden" }), entryOf({ name: "c" })];
    const { beat, sent, store, eventsOf } = await stage({ clock, broker, entries });
    await clock.advance(20_000);
    expect(sent("a")).toEqual([10, 20]);
    expect(sent("c")).toEqual([10, 20]);
    expect(eventsOf("occurrences-missed").map((event) => [event.entry, event.reason])).toEqual([
      ["b", "no permission"],
      ["b", "no permission"],
    ]);
    expect((await store.load()).entries.get("b")).toMatchObject({ failed: 2, runs: 0 });
    await beat.stop();
  });

  it("and all of them is asked again until it takes them", async () => {
    const clock = new ManualClock(startAt);
    const rights = { areMissing: true };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (rights.areMissing) throw new RefusedError("no permission");
      },
    });
    const { beat, sent } = await stage({ clock, broker, entries: [entryOf({ name: "a" }), entryOf({ name: "b" })] });
    await clock.advance(12_000);
    expect(sent()).toEqual([]);
    rights.areMissing = false;
    await clock.advance(6000);
    expect(sent("a")).toEqual([10]);
    expect(sent("b")).toEqual([10]);
    await beat.stop();
  });
});

describe("an entry removed while the broker was away", () => {
  it("is not sent any more when it is back, and one that was edited goes out as it is now", async () => {
    const clock = new ManualClock(startAt);
    const network = { isDown: true };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (network.isDown) throw new Error("connection refused");
      },
    });
    const entries = [entryOf({ name: "first", seconds: 1 }), entryOf({ name: "gone" }), entryOf({ name: "edited" })];
    const { beat, sent, eventsOf } = await stage({ clock, broker, entries });
    await clock.advance(31_000);
    await beat.reload([entryOf({ name: "first", seconds: 1 }), entryOf({ name: "edited", args: ["new"] })]);
    network.isDown = false;
    // The longest pause between two tries is five seconds.
    await clock.advance(6000);
    expect(sent("gone")).toEqual([]);
    expect(sent("edited")).toEqual([10, 20, 30]);
    const bodies = broker.messages("celery").filter((message) => message.headers["entry"] === "edited");
    expect(bodies.map((message) => JSON.parse(message.body as string)[0])).toEqual([["new"], ["new"], ["new"]]);
    expect(eventsOf("occurrences-missed").filter((event) => event.entry === "gone")).toHaveLength(3);
    await beat.stop();
  });
});

describe("a clock that was days ahead while beat ran", () => {
  it("does not silence it once the clock is right again", async () => {
    const { beat, clock, sent, eventsOf } = await stage();
    await clock.advance(10_000);
    clock.jump(2 * day);
    await clock.advance(20_000);
    const before = sent().length;
    clock.jump(-2 * day);
    await clock.advance(minute);
    expect(sent().length - before).toBeGreaterThanOrEqual(4);
    expect(eventsOf("mark-in-future")).toMatchObject([{ reset: true }]);
    await beat.stop();
  });
});

describe("two beats with copies of one beat-record", () => {
  it("do not take the lease from each other for ever", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock });
    const store = new MemoryStore({ clock });
    const first = await stage({ clock, broker, store });
    const second = await stage({ clock, broker, store, label: "copy:2" });
    await clock.advance(5 * minute);
    const losses = first.eventsOf("beat-lost-lease").length + second.eventsOf("beat-lost-lease").length;
    expect(losses).toBeLessThanOrEqual(2);
    expect(first.sent()).toEqual(Array.from({ length: 30 }, (_, index) => (index + 1) * 10));
    await first.beat.stop();
    await second.beat.stop();
  });
});

describe("the recorder", () => {
  it("never writes an older state over a newer one, though a write fails in between", async () => {
    const written: (number | undefined)[] = [];
    let failures = 1;
    const store = {
      location: "x",
      load: async () => ({ id: "", entries: new Map<string, EntryState>() }),
      history: async () => [],
      close: async () => {},
      record: async ({ states = [] }: Changes) => {
        await new Promise((resolve) => setImmediate(resolve));
        failures -= 1;
        if (failures >= 0) throw new Error("disk full");
        written.push(states[0]?.runs);
      },
    };
    const events: LovageEvent[] = [];
    const recorder = new Recorder(store, (event) => events.push(event));
    const state = (runs: number): EntryState => ({ name: "a", runs }) as EntryState;
    const writes = [1, 2, 3].map((runs) => recorder.record({ states: [state(runs)] }));
    await Promise.all(writes);
    await recorder.record({});
    expect(written).toEqual([3]);
    expect(events.map((event) => event.type)).toEqual(["record-failed", "record-recovered"]);
  });
});
