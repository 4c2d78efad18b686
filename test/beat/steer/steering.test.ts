import { describe, expect, it } from "vitest";
import type { BeatSteering } from "../../../src/beat/steer/steering.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import { every } from "../../../src/schedule/interval.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { entryOf, type Stage, stage, startAt } from "../../helper/beat-stage.ts";
import { Life } from "../../helper/life.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const by = "alice@desk";
const broken = { next: (after: number) => after, describe: () => "broken", toJSON: () => ({ kind: "broken" }) };

/** Everything that only a leader may answer or do. */
const leaderOnly: Readonly<Record<string, (steering: BeatSteering) => unknown>> = {
  list: (steering) => steering.list({ offset: 0, limit: 10 }),
  show: (steering) => steering.show("ten"),
  history: (steering) => steering.history("ten", 10),
  pause: (steering) => steering.pause({ entries: ["ten"], by, reason: null }),
  resume: (steering) => steering.resume({ entries: ["ten"], by, catchUp: false }),
  run: (steering) => steering.run({ entry: "ten", by, reason: null }),
  startBackfill: (steering) =>
    steering.startBackfill({ entry: "ten", fromAt: startAt - 60_000, toAt: startAt, perSecond: 1, by, reason: null }),
  stopBackfill: (steering) => steering.stopBackfill("one", by),
  resumeBackfill: (steering) => steering.resumeBackfill("one", by),
};

/** Whether it throws or rejects. */
async function outcomeOf(act: () => unknown): Promise<unknown> {
  try {
    return await act();
  } catch (error) {
    return error;
  }
}

async function pair(): Promise<{ first: Stage; second: Stage; life: Life }> {
  const life = new Life();
  const first = await stage({ life });
  const { clock, broker } = first;
  return { first, second: await stage({ clock, broker, label: "other:2" }), life };
}

describe("status", () => {
  it("says who leads since when, what it has, and where record and broker are", async () => {
    const on = await stage({ entries: [entryOf(), entryOf({ name: "other" })] });
    await on.clock.advance(12_345);
    const status = on.steering.status();
    expect(status).toMatchObject({
      scope: "test",
      label: "host:1",
      leads: true,
      leader: "host:1",
      startedAt: startAt,
      lateMs: 0,
      unsent: 0,
      entries: 2,
      paused: 0,
      record: ":memory:",
      broker: on.broker.url,
    });
    expect(status.term).toBeTypeOf("number");
    expect(status.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(on.clock.now() - status.lookedAt).toBeLessThanOrEqual(5_000);
    expect([on.steering.scope, on.steering.label]).toEqual(["test", "host:1"]);
    await on.beat.stop();
  });

  it("is answered by a standby too, and names the leader", async () => {
    const { first, second } = await pair();
    await first.clock.advance(1_000);
    expect(second.steering.status()).toMatchObject({ label: "other:2", leads: false, leader: "host:1", term: null });
    await first.beat.stop();
    await first.clock.advance(1_000);
    expect(second.steering.status()).toMatchObject({ leads: true, leader: "other:2" });
    await second.beat.stop();
  });

  it("says how late the oldest is that could not be sent, and how many wait", async () => {
    const clock = new ManualClock(startAt);
    const network = { isDown: true };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (network.isDown) throw new Error("connection refused");
      },
    });
    const on = await stage({ clock, broker });
    await clock.advance(9_999);
    expect(on.steering.status()).toMatchObject({ lateMs: 0, unsent: 0 });
    await clock.advance(25_001);
    expect(on.steering.status()).toMatchObject({ lateMs: 25_000, unsent: 3 });
    network.isDown = false;
    await clock.advance(4_999);
    expect(on.steering.status()).toMatchObject({ lateMs: 0, unsent: 0 });
    await on.beat.stop();
  });

  it("does not call late what is only delayed by its jitter", async () => {
    const on = await stage({ entries: [entryOf({ jitterMs: 9_000 })] });
    for (let second = 0; second < 60; second += 1) {
      await on.clock.advance(1_000);
      expect(on.steering.status().lateMs).toBeLessThanOrEqual(1_000);
    }
    await on.beat.stop();
  });
});

describe("a standby", () => {
  it.each(Object.entries(leaderOnly))("refuses %s and names the leader", async (_name, act) => {
    const { first, second } = await pair();
    await first.clock.advance(1_000);
    expect(await outcomeOf(() => act(second.steering))).toMatchObject({
      name: "LovageError",
      code: "standby",
      message: expect.stringContaining("host:1"),
    });
    expect(first.sent()).toEqual([]);
    expect((await first.broker.leases.notes("test")).size).toBe(0);
    await second.beat.stop();
    await first.beat.stop();
  });

  it("is what a leader is that has lost its lease: it changes nothing any more", async () => {
    const { first, second, life } = await pair();
    await first.clock.advance(12_000);
    life.freeze();
    await first.clock.advance(11_000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    life.thaw();
    await first.clock.advance(5_000);
    for (const act of Object.values(leaderOnly)) {
      expect(await outcomeOf(() => act(first.steering))).toMatchObject({
        code: "standby",
        message: expect.stringContaining("other:2"),
      });
    }
    expect(first.steering.status()).toMatchObject({ leads: false, leader: "other:2" });
    expect(second.sent()).toEqual([10, 20]);
    expect(second.steering.show("ten").paused).toBeNull();
    await first.beat.stop();
    await second.beat.stop();
  });

  it("is what a beat is that was asked before it knew that its term is over, and says so instead of pausing", async () => {
    const { first, second, life } = await pair();
    await first.clock.advance(12_000);
    life.freeze();
    await first.clock.advance(11_000);
    const pausing = outcomeOf(() => first.steering.pause({ entries: ["ten"], by, reason: null }));
    life.thaw();
    await first.clock.advance(5_000);
    expect(await pausing).toMatchObject({ code: "standby" });
    await first.clock.advance(5_000);
    expect(second.steering.show("ten").paused).toBeNull();
    expect(second.sent()).toEqual([10, 20, 30]);
    await first.beat.stop();
    await second.beat.stop();
  });
});

describe("list and show", () => {
  it("give all that is known of an entry", async () => {
    const entry = entryOf({ description: "every ten", source: "schedules/a.yaml:3:3", timezone: "Asia/Taipei" });
    const on = await stage({ entries: [entry] });
    await on.clock.advance(25_000);
    const report = on.steering.show("ten");
    expect(report).toEqual({
      entry: "ten",
      task: "proj.ten",
      schedule: expect.stringMatching(/every 10/),
      timezone: "Asia/Taipei",
      enabled: true,
      description: "every ten",
      source: "schedules/a.yaml:3:3",
      paused: null,
      nextAt: startAt + 30_000,
      quarantined: null,
      lastDueAt: startAt + 20_000,
      lastSentAt: startAt + 20_000,
      lastTaskId: on.broker.messages("celery").at(-1)?.id,
      runs: 2,
      missed: 0,
      skipped: 0,
      failed: 0,
    });
    expect(on.steering.list({ offset: 0, limit: 5 })).toEqual({ total: 1, rows: [report] });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    await on.beat.stop();
  });

  it("page through the entries in one order, and find them by a part of their name", async () => {
    const names = Array.from({ length: 25 }, (_, index) => `entry ${String(index).padStart(2, "0")}`);
    const on = await stage({ entries: names.map((name) => entryOf({ name })) });
    const page = (offset: number, match?: string): readonly string[] =>
      on.steering.list({ offset, limit: 10, match }).rows.map((row) => row.entry);
    expect([...page(0), ...page(10), ...page(20)].sort()).toEqual(names);
    expect(page(25)).toEqual([]);
    expect(on.steering.list({ offset: 0, limit: 10 }).total).toBe(25);
    expect(on.steering.list({ offset: 0, limit: 10, match: "y 1" })).toMatchObject({ total: 10 });
    expect(page(0, "entry 24")).toEqual(["entry 24"]);
    expect(page(0, "nothing")).toEqual([]);
    await on.beat.stop();
  });

  it("give no next time for what is finished, not enabled, or set aside with its reason", async () => {
    const entries = [
      entryOf({ name: "done", maxRuns: 1 }),
      entryOf({ name: "off", enabled: false }),
      entryOf({ name: "broken", schedule: broken }),
    ];
    const on = await stage({ entries });
    await on.clock.advance(15_000);
    expect(on.steering.show("done")).toMatchObject({ nextAt: null, runs: 1, quarantined: null });
    expect(on.steering.show("off")).toMatchObject({ nextAt: null, enabled: false, quarantined: null });
    expect(on.steering.show("broken")).toMatchObject({ nextAt: null, quarantined: expect.stringMatching(/./) });
    await on.beat.stop();
  });

  it("of a name that nobody knows are refused", async () => {
    const on = await stage();
    expect(await outcomeOf(() => on.steering.show("tne"))).toMatchObject({
      code: "usage",
      message: expect.stringContaining("tne"),
    });
    expect(await outcomeOf(() => on.steering.pause({ entries: ["tne"], by, reason: null }))).toMatchObject({
      code: "usage",
    });
    await on.beat.stop();
  });

  it("do not count what is under way as done", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock, before: () => clock.sleep(3_000) });
    const on = await stage({ clock, broker });
    await clock.advance(12_000);
    expect(on.steering.show("ten")).toMatchObject({ runs: 0, lastSentAt: null, nextAt: startAt + 20_000 });
    await clock.advance(1_000);
    expect(on.steering.show("ten")).toMatchObject({
      runs: 1,
      lastDueAt: startAt + 10_000,
      lastSentAt: startAt + 13_000,
    });
    await on.beat.stop();
  });
});

describe("history", () => {
  it("gives the newest lines first, at most so many", async () => {
    const on = await stage();
    await on.clock.advance(50_000);
    const lines = await on.steering.history("ten", 2);
    expect(lines.map((line) => (line.dueAt - startAt) / 1000)).toEqual([50, 40]);
    expect(await on.steering.history("ten", 100)).toHaveLength(5);
    await on.beat.stop();
  });
});

describe("upcoming", () => {
  it("gives the next occurrences over all entries in due order, under the ids they will have", async () => {
    const entries = [entryOf({ args: [1], kwargs: { two: 2 } }), entryOf({ name: "seven", seconds: 7 })];
    const on = await stage({ entries });
    await on.clock.advance(1_000);
    const upcoming = on.steering.upcoming(6);
    expect(upcoming.map(({ entry, dueAt }) => [entry, (dueAt - startAt) / 1000])).toEqual([
      ["seven", 7],
      ["ten", 10],
      ["seven", 14],
      ["ten", 20],
      ["seven", 21],
      ["seven", 28],
    ]);
    expect(upcoming[1]).toMatchObject({ task: "proj.ten", args: [1], kwargs: { two: 2 } });
    await on.clock.advance(27_000);
    expect(on.broker.messages("celery").map(({ id }) => id)).toEqual(upcoming.map(({ taskId }) => taskId));
    await on.beat.stop();
  });

  it("leaves out what is paused, not enabled or finished, and ends with max_runs and the schedule", async () => {
    const entries = [
      entryOf({ name: "two", maxRuns: 2 }),
      entryOf({ name: "off", enabled: false }),
      entryOf({ name: "paused" }),
      entryOf({ name: "broken", schedule: broken }),
    ];
    const on = await stage({ entries });
    await on.steering.pause({ entries: ["paused"], by, reason: null });
    expect(on.steering.upcoming(10).map(({ entry, dueAt }) => [entry, (dueAt - startAt) / 1000])).toEqual([
      ["two", 10],
      ["two", 20],
    ]);
    await on.clock.advance(20_000);
    expect(on.steering.upcoming(10)).toEqual([]);
    await on.beat.stop();
  });

  it("changes nothing, however much is asked for", async () => {
    const on = await stage({ entries: [entryOf({ schedule: every(1, { anchor: startAt }), maxRuns: 5 })] });
    expect(on.steering.upcoming(1000)).toHaveLength(5);
    expect(on.steering.upcoming(1000)).toHaveLength(5);
    await on.clock.advance(10_000);
    expect(on.sent()).toEqual([1, 2, 3, 4, 5]);
    await on.beat.stop();
  });
});

describe("a beat that has stopped, or has not begun to lead", () => {
  it("answers status and refuses the rest", async () => {
    const clock = new ManualClock(startAt);
    const store = new MemoryStore({ clock });
    const cut = new Life();
    cut.freeze();
    const broker = new MemoryBroker({ clock });
    const on = await stage({ clock, store, broker, through: cut.around(broker) });
    await clock.advance(10_000);
    expect(on.steering.status()).toMatchObject({ leads: false, leader: null, term: null });
    for (const act of Object.values(leaderOnly)) {
      expect(await outcomeOf(() => act(on.steering))).toMatchObject({ code: "standby" });
    }
    cut.thaw();
    const stopping = on.beat.stop();
    await clock.advance(1_000);
    await stopping;
    expect(await outcomeOf(() => on.steering.run({ entry: "ten", by, reason: null }))).toMatchObject({
      code: "standby",
    });
  });
});
