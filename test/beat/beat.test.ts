import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { UndeliverableError } from "../../src/broker/broker.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { entryOf, envelopeOf, stage, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const minute = 60_000;

describe("a beat that runs", () => {
  it("sends a new interval entry one interval after the start, then on its grid", async () => {
    const { beat, clock, sent } = await stage();
    await clock.advance(9_999);
    expect(sent()).toEqual([]);
    await clock.advance(30_001);
    expect(sent()).toEqual([10, 20, 30, 40]);
    await beat.stop();
  });

  it("does not drift when sending takes time", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock, before: () => clock.sleep(700) });
    const { beat, sent, eventsOf } = await stage({ clock, broker });
    await clock.advance(minute);
    expect(sent()).toEqual([10, 20, 30, 40, 50]);
    expect(eventsOf("occurrence-sent").map((event) => event.sentAt - event.dueAt)).toEqual([700, 700, 700, 700, 700]);
    const stopped = beat.stop();
    await clock.advance(1000);
    await stopped;
  });

  it("sends everything that is due on one instant, in one or several batches, once each", async () => {
    const entries = Array.from({ length: 2345 }, (_, index) => entryOf({ name: `entry ${index}` }));
    const { beat, clock, broker } = await stage({ entries });
    await clock.advance(10_000);
    const ids = broker.messages("celery").map((message) => message.id);
    expect(ids).toHaveLength(2345);
    expect(new Set(ids).size).toBe(2345);
    await beat.stop();
  });

  it("knows of a burst that is near, and of none that is far or small", async () => {
    const many = (size: number) => Array.from({ length: size }, (_, index) => entryOf({ name: `entry ${index}` }));
    const burst = await stage({ entries: many(1000) });
    expect([9_999, 10_000, 15_000].map((ms) => burst.beat.isBurstNear(ms))).toEqual([false, true, true]);
    await burst.clock.advance(11_000);
    expect([8_999, 9_000].map((ms) => burst.beat.isBurstNear(ms))).toEqual([false, true]);
    await burst.beat.stop();
    const few = await stage({ entries: many(999) });
    expect(few.beat.isBurstNear(minute)).toBe(false);
    await few.beat.stop();
  });

  it("writes down last run, task id and count, and a line of history", async () => {
    const { beat, clock, store, broker } = await stage();
    await clock.advance(20_000);
    const state = (await store.load()).entries.get("ten");
    const newest = broker.messages("celery").at(-1);
    expect(state).toMatchObject({ runs: 2, lastDueAt: startAt + 20_000, lastTaskId: newest?.id, missed: 0, failed: 0 });
    expect((await store.history("ten", 5)).map((run) => [run.dueAt - startAt, run.outcome])).toEqual([
      [20_000, "sent"],
      [10_000, "sent"],
    ]);
    await beat.stop();
  });

  it("stops after max_runs, over restarts too, and says so", async () => {
    const entries = [entryOf({ maxRuns: 3 })];
    const first = await stage({ entries });
    await first.clock.advance(20_000);
    await first.beat.stop();
    const second = await stage({ ...first, entries });
    await second.clock.advance(minute);
    expect(second.sent()).toEqual([10, 20, 30]);
    expect(second.eventsOf("entry-finished")).toEqual([
      { type: "entry-finished", entry: "ten", reason: "max_runs: 3 reached" },
    ]);
    await second.beat.stop();
  });

  it("sends later by the jitter, and counts from the nominal time", async () => {
    const { beat, clock, sent, eventsOf } = await stage({ entries: [entryOf({ jitterMs: 5000 })] });
    await clock.advance(10 * minute);
    expect(sent().slice(0, 3)).toEqual([10, 20, 30]);
    const delays = eventsOf("occurrence-sent").map((event) => event.sentAt - event.dueAt);
    expect(Math.max(...delays)).toBeGreaterThan(2500);
    expect(Math.max(...delays)).toBeLessThanOrEqual(5000);
    expect(Math.min(...delays)).toBeLessThan(2500);
    await beat.stop();
  });

  it("sends nothing for an entry that is not enabled", async () => {
    const { beat, clock, sent } = await stage({ entries: [entryOf({ enabled: false }), entryOf({ name: "on" })] });
    await clock.advance(10_000);
    expect(sent("ten")).toEqual([]);
    expect(sent("on")).toEqual([10]);
    await beat.stop();
  });

  it("puts aside an entry whose schedule misbehaves, and goes on with the others", async () => {
    const stuck = { next: (after: number) => after, describe: () => "stuck", toJSON: () => ({ kind: "stuck" }) };
    const { beat, clock, sent, eventsOf } = await stage({
      entries: [entryOf({ name: "bad", schedule: stuck }), entryOf()],
    });
    await clock.advance(20_000);
    expect(sent()).toEqual([10, 20]);
    expect(eventsOf("entry-quarantined").map((event) => event.entry)).toEqual(["bad"]);
    await beat.stop();
  });

  it("does not let a message that cannot be made, or that nobody would get, hold up the others", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({
      clock,
      before: (batch) => {
        const lost = batch.filter((envelope) => envelope.task === "nowhere").map((envelope) => envelope.id);
        if (lost.length > 0) throw new UndeliverableError(lost, "no queue is bound");
      },
    });
    const entries = [
      entryOf({ name: "a", task: "nowhere" }),
      entryOf({ name: "b", task: "broken" }),
      entryOf({ name: "c" }),
    ];
    const createEnvelope: typeof envelopeOf = (occurrence) => {
      if (occurrence.entry.task === "broken") throw new Error("args[0] is a function");
      return envelopeOf(occurrence);
    };
    const { beat, sent, store, eventsOf } = await stage({ clock, broker, entries, more: { createEnvelope } });
    await clock.advance(10_000);
    expect(sent()).toEqual([10]);
    expect(
      eventsOf("occurrences-missed")
        .map((event) => [event.entry, event.reason])
        .sort(([left = ""], [right = ""]) => left.localeCompare(right)),
    ).toEqual([
      ["a", "no queue is bound"],
      ["b", "args[0] is a function"],
    ]);
    expect((await store.load()).entries.get("a")).toMatchObject({ failed: 1, runs: 0 });
    await beat.stop();
  });
});

describe("a beat whose broker is away", () => {
  async function broken() {
    const clock = new ManualClock(startAt);
    const network = { isDown: false, losesAnswers: false };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (network.isDown) throw new Error("connection refused");
      },
      after: () => {
        if (network.losesAnswers) throw new Error("connection reset");
      },
    });
    return { ...(await stage({ clock, broker })), network };
  }

  it("loses nothing, sends in order under the same ids, and says loudly what is going on", async () => {
    const { beat, clock, network, sent, eventsOf } = await broken();
    network.isDown = true;
    await clock.advance(5 * minute);
    expect(sent()).toEqual([]);
    expect(eventsOf("publish-failed").length).toBeGreaterThan(5);
    network.isDown = false;
    await clock.advance(10_000);
    expect(sent()).toEqual(Array.from({ length: 31 }, (_, index) => (index + 1) * 10));
    expect(eventsOf("occurrence-sent").every((event) => event.occurrence === "scheduled")).toBe(true);
    expect(eventsOf("publish-recovered")).toHaveLength(1);
    await beat.stop();
  });

  it("sends nothing twice when only the answer got lost", async () => {
    const { beat, clock, network, sent, eventsOf } = await broken();
    network.losesAnswers = true;
    await clock.advance(35_000);
    network.losesAnswers = false;
    await clock.advance(10_000);
    expect(sent()).toEqual([10, 20, 30, 40]);
    expect(eventsOf("occurrence-duplicate").map((event) => event.dueAt - startAt)).toEqual([10_000]);
    await beat.stop();
  });

  it("gives up what has waited for longer than missed_within, and counts it", async () => {
    const { beat, clock, network, sent, store } = await broken();
    await beat.reload([entryOf({ missedWithinMs: 25_000 })]);
    network.isDown = true;
    await clock.advance(60_000);
    network.isDown = false;
    await clock.advance(6_000);
    // The first batch holds what was due first: whether it arrived is unknown, so it is never given up.
    expect(sent()).toEqual([10, 40, 50, 60]);
    expect((await store.load()).entries.get("ten")).toMatchObject({ failed: 2 });
    await beat.stop();
  });

  it("stops within a second all the same", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock, before: () => new Promise(() => undefined) });
    const { beat } = await stage({ clock, broker });
    await clock.advance(10_000);
    const before = clock.monotonic();
    let stoppedAt = Number.POSITIVE_INFINITY;
    const stopped = beat.stop().then(() => (stoppedAt = clock.monotonic()));
    await clock.advance(1000);
    await stopped;
    expect(stoppedAt - before).toBeLessThan(1000);
  });
});

describe("a beat that comes back", () => {
  async function restartAfter(seconds: number, change: Parameters<typeof entryOf>[0] = {}) {
    const first = await stage({ entries: [entryOf(change)] });
    await first.clock.advance(20_000);
    await first.beat.stop();
    await first.clock.advance(seconds * 1000);
    const { clock, broker, store } = first;
    return stage({ clock, broker, store, entries: [entryOf(change)] });
  }

  it("keeps its last runs: what is due next is due next, on the same grid", async () => {
    const { beat, clock, sent } = await restartAfter(5);
    expect(sent()).toEqual([10, 20]);
    await clock.advance(15_000);
    expect(sent()).toEqual([10, 20, 30, 40]);
    await beat.stop();
  });

  it("by default makes up the newest missed occurrence only, and counts the others", async () => {
    const { beat, clock, sent, store, eventsOf, broker } = await restartAfter(47);
    expect(sent()).toEqual([10, 20, 60]);
    expect(broker.messages("celery").at(-1)?.headers["occasion"]).toBe("missed");
    expect(eventsOf("occurrences-missed")).toMatchObject([{ entry: "ten", count: 3, reason: "missed: latest" }]);
    expect((await store.load()).entries.get("ten")).toMatchObject({ missed: 3, runs: 3 });
    await clock.advance(5000);
    expect(sent()).toEqual([10, 20, 60, 70]);
    await beat.stop();
  });

  it("makes up the earliest, all or none where the entry says so", async () => {
    expect((await restartAfter(47, { missed: "earliest" })).sent()).toEqual([10, 20, 30]);
    expect((await restartAfter(47, { missed: "all" })).sent()).toEqual([10, 20, 30, 40, 50, 60]);
    const skipped = await restartAfter(47, { missed: "skip" });
    expect(skipped.sent()).toEqual([10, 20]);
    expect(skipped.eventsOf("occurrences-missed")).toMatchObject([{ count: 4, reason: "missed: skip" }]);
    await skipped.clock.advance(3000);
    expect(skipped.sent()).toEqual([10, 20, 70]);
  });

  it("makes up nothing older than missed_within", async () => {
    expect((await restartAfter(47, { missed: "all", missedWithinMs: 20_000 })).sent()).toEqual([10, 20, 50, 60]);
    const { sent, eventsOf } = await restartAfter(47, { missedWithinMs: 5000 });
    expect(sent()).toEqual([10, 20]);
    expect(eventsOf("occurrences-missed")).toMatchObject([{ count: 4, reason: "older than missed_within" }]);
  });

  it("stays on its grid after skipping, over another restart", async () => {
    const skipped = await restartAfter(47, { missed: "skip" });
    await skipped.beat.stop();
    const { clock, broker, store } = skipped;
    const again = await stage({ clock, broker, store, entries: [entryOf({ missed: "skip" })] });
    await again.clock.advance(3000);
    expect(again.sent()).toEqual([10, 20, 70]);
  });

  it("lets a long backlog of `all` delay nothing that is due now", async () => {
    const entries = [entryOf({ name: "backlog", seconds: 1, missed: "all" }), entryOf({ seconds: 60 })];
    const first = await stage({ entries });
    await first.clock.advance(1000);
    await first.beat.stop();
    await first.clock.advance(10_000_000 - 1000);
    const { clock, broker, store } = first;
    const second = await stage({ clock, broker, store, entries });
    await clock.advance(minute);
    expect(second.sent("backlog")).toEqual(Array.from({ length: 10_060 }, (_, index) => index + 1));
    expect(
      second.eventsOf("occurrence-sent").find((event) => event.entry === "ten" && event.occurrence === "scheduled"),
    ).toMatchObject({
      dueAt: startAt + 10_020_000,
      sentAt: startAt + 10_020_000,
    });
  });

  it("repeats nothing when the record is lost: the broker's marks know", async () => {
    const first = await stage();
    await first.clock.advance(20_000);
    await first.beat.stop();
    const { clock, broker } = first;
    const second = await stage({ clock, broker, store: new MemoryStore({ clock }) });
    await clock.advance(9_999);
    expect(second.sent()).toEqual([10, 20]);
    await clock.advance(1);
    expect(second.sent()).toEqual([10, 20, 30]);
  });

  it("repeats nothing when it died between publishing and recording", async () => {
    const clock = new ManualClock(startAt);
    const store = new MemoryStore({ clock });
    const deaf = {
      location: "x",
      record: async () => {},
      load: () => store.load(),
      history: store.history.bind(store),
      close: async () => {},
    };
    const first = await stage({ clock, store });
    await clock.advance(5000);
    await first.beat.stop();
    const second = await stage({ clock, broker: first.broker, store: deaf });
    await clock.advance(5000);
    expect(second.sent()).toEqual([10]);
    await second.beat.stop();
    const third = await stage({ clock, broker: first.broker, store });
    await clock.advance(5000);
    expect(third.sent()).toEqual([10]);
    await clock.advance(5000);
    expect(third.sent()).toEqual([10, 20]);
  });

  it("goes on sending while the record cannot be written, and writes it later", async () => {
    const clock = new ManualClock(startAt);
    const store = new MemoryStore({ clock });
    const disk = { isFull: false };
    const record: MemoryStore["record"] = async (changes) => {
      if (disk.isFull) throw new Error("disk full");
      await store.record(changes);
    };
    const flaky = {
      location: "x",
      record,
      load: () => store.load(),
      history: store.history.bind(store),
      close: async () => {},
    };
    const { beat, sent, eventsOf } = await stage({ clock, store: flaky });
    disk.isFull = true;
    await clock.advance(20_000);
    expect(sent()).toEqual([10, 20]);
    expect(eventsOf("record-failed").length).toBeGreaterThan(0);
    disk.isFull = false;
    await clock.advance(10_000);
    expect((await store.load()).entries.get("ten")).toMatchObject({ runs: 3 });
    expect(await store.history("ten", 9)).toHaveLength(3);
    await beat.stop();
  });
});

describe("an edit", () => {
  it("never fires by itself: a changed schedule counts from the change", async () => {
    const { beat, clock, sent } = await stage({ entries: [entryOf({ seconds: 60 })] });
    await clock.advance(45_000);
    await beat.reload([entryOf({ seconds: 30 })]);
    await clock.advance(29_999);
    expect(sent()).toEqual([]);
    await clock.advance(1);
    expect(sent()).toEqual([75]);
    await beat.stop();
  });

  it("made while beat was down counts from the start", async () => {
    const first = await stage({ entries: [entryOf({ seconds: 60 })] });
    await first.clock.advance(61_000);
    await first.beat.stop();
    await first.clock.advance(1_000_000);
    const { clock, broker, store } = first;
    const second = await stage({ clock, broker, store, entries: [entryOf({ seconds: 30 })] });
    await clock.advance(29_999);
    expect(second.sent()).toEqual([60]);
    await clock.advance(1);
    expect(second.sent()).toEqual([60, 1091]);
  });

  it("of arguments alone keeps the entry's place in time", async () => {
    const { beat, clock, broker, sent } = await stage();
    await clock.advance(15_000);
    await beat.reload([entryOf({ args: ["new"] })]);
    await clock.advance(5000);
    expect(sent()).toEqual([10, 20]);
    expect(broker.messages("celery").map((message) => JSON.parse(message.body as string)[0])).toEqual([[], ["new"]]);
    await beat.stop();
  });

  it("that removes an entry ends it, and its return counts from then", async () => {
    const { beat, clock, sent, store, broker } = await stage();
    await clock.advance(10_000);
    await beat.reload([]);
    await clock.advance(60_000);
    expect(sent()).toEqual([10]);
    expect((await store.load()).entries.size).toBe(0);
    expect((await broker.leases.marks("test")).size).toBe(0);
    await beat.reload([entryOf()]);
    await clock.advance(9_999);
    expect(sent()).toEqual([10]);
    await clock.advance(1);
    expect(sent()).toEqual([10, 80]);
    await beat.stop();
  });

  it("applies before the next due time, however long beat would have slept", async () => {
    const { beat, clock, sent } = await stage({
      entries: [entryOf({ seconds: 3600 })],
      more: { maxIntervalMs: 600_000 },
    });
    await clock.advance(1000);
    await beat.reload([entryOf({ seconds: 3600 }), entryOf({ name: "quick", seconds: 1 })]);
    await clock.advance(2000);
    expect(sent("quick")).toEqual([2, 3]);
    await beat.stop();
  });

  it("is told apart: added, changed, removed", async () => {
    const entries = [entryOf({ name: "stays" }), entryOf({ name: "changes" }), entryOf({ name: "goes" })];
    const { beat, eventsOf } = await stage({ entries });
    await beat.reload([
      entryOf({ name: "stays" }),
      entryOf({ name: "changes", seconds: 7 }),
      entryOf({ name: "comes" }),
    ]);
    expect(eventsOf("reload-applied")).toEqual([
      { type: "reload-applied", added: 1, changed: 1, removed: 1, entries: 3 },
    ]);
    await beat.stop();
  });
});

describe("a clock that jumps", () => {
  it("forward is a misfire and follows the entry's policy", async () => {
    const { beat, clock, sent, eventsOf } = await stage();
    await clock.advance(10_000);
    clock.jump(600_000);
    await clock.advance(5000);
    expect(sent()).toEqual([10, 610]);
    expect(eventsOf("clock-jumped")).toMatchObject([{ byMs: 600_000 }]);
    expect(eventsOf("occurrences-missed")).toMatchObject([{ count: 59 }]);
    await clock.advance(5000);
    expect(sent()).toEqual([10, 610, 620]);
    await beat.stop();
  });

  it("back repeats nothing", async () => {
    const { beat, clock, sent, eventsOf } = await stage();
    await clock.advance(30_000);
    clock.jump(-25_000);
    await clock.advance(34_999);
    expect(sent()).toEqual([10, 20, 30]);
    expect(eventsOf("clock-jumped")).toMatchObject([{ byMs: -25_000 }]);
    await clock.advance(1);
    expect(sent()).toEqual([10, 20, 30, 40]);
    await beat.stop();
  });

  it("ahead before a restart repeats nothing when it was off by hours, and is reset when it was off by a year", async () => {
    for (const [aheadMs, isReset] of [
      [3_600_000, false],
      [365 * 86_400_000, true],
    ] as const) {
      const first = await stage();
      first.clock.jump(aheadMs);
      await first.clock.advance(10_000);
      await first.beat.stop();
      first.clock.jump(-aheadMs);
      const { clock, broker, store } = first;
      const second = await stage({ clock, broker, store });
      expect(second.eventsOf("mark-in-future")[0]).toMatchObject({ entry: "ten", reset: isReset });
      const before = second.sent().length;
      await clock.advance(minute);
      expect(second.sent().length - before).toBe(isReset ? 6 : 0);
    }
  });
});

describe("two beats of one scope", () => {
  it("send as one: the second stands by, says who leads, and takes over at once on a clean stop", async () => {
    const first = await stage();
    const { clock, broker } = first;
    const second = await stage({ clock, broker, label: "other:2" });
    await clock.advance(20_000);
    expect(second.eventsOf("beat-standby")).toEqual([{ type: "beat-standby", scope: "test", leader: "host:1" }]);
    expect(first.sent()).toEqual([10, 20]);
    await first.beat.stop();
    await clock.advance(1000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    await clock.advance(19_000);
    expect(second.sent()).toEqual([10, 20, 30, 40]);
    await second.beat.stop();
  });

  it("fail over within the lease and a second when the leader falls silent, and the old leader sends nothing more", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock });
    const cut = { isCut: false };
    const guarded = <Method extends (...parameters: never[]) => Promise<unknown>>(method: Method): Method =>
      ((...parameters: Parameters<Method>) =>
        cut.isCut ? Promise.reject(new Error("network is down")) : method(...parameters)) as Method;
    const { leases } = broker;
    const through = {
      url: broker.url,
      publish: guarded(broker.publish.bind(broker)),
      consume: guarded(broker.consume.bind(broker)),
      listen: guarded(broker.listen.bind(broker)),
      depth: guarded(broker.depth.bind(broker)),
      purge: guarded(broker.purge.bind(broker)),
      close: () => broker.close(),
      leases: {
        acquire: guarded(leases.acquire.bind(leases)),
        renew: guarded(leases.renew.bind(leases)),
        release: guarded(leases.release.bind(leases)),
        marks: guarded(leases.marks.bind(leases)),
        setMarks: guarded(leases.setMarks.bind(leases)),
        dropMarks: guarded(leases.dropMarks.bind(leases)),
        notes: guarded(leases.notes.bind(leases)),
        setNotes: guarded(leases.setNotes.bind(leases)),
      },
    };
    const first = await stage({ clock, broker, through });
    const second = await stage({ clock, broker, label: "other:2" });
    await clock.advance(12_000);
    cut.isCut = true;
    await clock.advance(11_000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    await clock.advance(22_000);
    cut.isCut = false;
    await clock.advance(20_000);
    expect(first.sent()).toEqual([10, 20, 30, 40, 50, 60]);
    expect(first.eventsOf("beat-lost-lease").length).toBeGreaterThan(0);
    await first.beat.stop();
    await second.beat.stop();
  });
});
