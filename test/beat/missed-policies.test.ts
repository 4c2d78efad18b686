import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import type { Entry, MissedPolicy } from "../../src/schedule/entry.ts";
import { every } from "../../src/schedule/interval.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { entryOf, type Stage, stage, startAt } from "../helper/beat-stage.ts";
import { Life } from "../helper/life.ts";
import { ManualClock } from "../helper/manual-clock.ts";

type Absence = (entry: Entry) => Promise<Stage>;

const policies: readonly MissedPolicy[] = ["latest", "earliest", "all", "skip"];
const by = "alice@desk";

/** Each lets 47 seconds pass after the occurrence at 20 in which beat could not send: 30, 40, 50 and 60 are missed. */
const absences: Readonly<Record<string, Absence>> = {
  "beat was down": async (entry) => {
    const first = await running(entry);
    await first.beat.stop();
    await first.clock.advance(47_000);
    return stage({ ...bareOf(first), entries: [entry] });
  },
  "beat was killed": async (entry) => {
    const life = new Life();
    const first = await running(entry, life);
    life.kill();
    await first.clock.advance(47_000);
    return stage({ ...bareOf(first), entries: [entry] });
  },
  "the machine was asleep": async (entry) => {
    const life = new Life();
    const first = await running(entry, life);
    life.freeze();
    await first.clock.advance(47_000);
    life.thaw();
    return first;
  },
  "the clock jumped ahead": async (entry) => {
    const first = await running(entry);
    first.clock.jump(43_000);
    await first.clock.advance(4000);
    return first;
  },
  "the entry was paused, and is to catch up": async (entry) => {
    const first = await running(entry);
    await first.steering.pause({ entries: ["ten"], by, reason: null });
    await first.clock.advance(47_000);
    await first.steering.resume({ entries: ["ten"], by, catchUp: true });
    return first;
  },
  "the entry was paused over a restart, and is to catch up": async (entry) => {
    const first = await running(entry);
    await first.steering.pause({ entries: ["ten"], by, reason: null });
    await first.beat.stop();
    await first.clock.advance(47_000);
    const second = await stage({ ...bareOf(first), entries: [entry] });
    await second.steering.resume({ entries: ["ten"], by, catchUp: true });
    return second;
  },
};

const cases: readonly [change: Partial<Entry>, made: readonly number[], missed: number, reason: RegExp | null][] = [
  [{ missed: "latest" }, [60], 3, /^3 missed; missed: latest$/],
  [{ missed: "earliest" }, [30], 3, /^3 missed; missed: earliest$/],
  [{ missed: "all" }, [30, 40, 50, 60], 0, null],
  [{ missed: "skip" }, [], 4, /^4 missed; missed: skip$/],
  [{ missed: "latest", missedWithinMs: 30_000 }, [60], 3, /missed_within|missed: latest/],
  [{ missed: "earliest", missedWithinMs: 30_000 }, [40], 3, /missed_within|missed: earliest/],
  [{ missed: "all", missedWithinMs: 30_000 }, [40, 50, 60], 1, /older than missed_within/],
  [{ missed: "latest", missedWithinMs: 2_000 }, [], 4, /^4 missed; older than missed_within$/],
  [{ missed: "all", missedWithinMs: 2_000 }, [], 4, /^4 missed; older than missed_within$/],
];

async function running(entry: Entry, life?: Life): Promise<Stage> {
  const first = await stage({ entries: [entry], ...(life === undefined ? {} : { life }) });
  await first.clock.advance(20_000);
  expect(first.sent()).toEqual([10, 20]);
  return first;
}

/** What outlives a beat. */
function bareOf({ clock, broker, store }: Stage): Pick<Stage, "clock" | "broker" | "store"> {
  return { clock, broker, store };
}

describe.each(Object.entries(absences))("after %s,", (_what, absence) => {
  it.each(cases)("%j makes up %j and counts the others", async (change, made, missed, reason) => {
    const { beat, clock, store, sent, sentAs, eventsOf } = await absence(entryOf(change));
    await clock.advance(startAt + 70_000 - clock.now());
    expect(sentAs("missed")).toEqual(made);
    expect(sent()).toEqual([10, 20, ...made, 70]);
    const state = (await store.load()).entries.get("ten");
    expect(state).toMatchObject({ missed, skipped: 0, failed: 0, runs: 3 + made.length });
    const told = eventsOf("occurrences-missed");
    expect(told.reduce((sum, event) => sum + event.count, 0)).toBe(missed);
    expect(told.every((event) => event.cause === "missed" && !event.atLeast && event.reason !== "")).toBe(true);
    const lines = (await store.history("ten", 99)).filter((run) => run.outcome === "missed");
    expect(lines).toHaveLength(told.length);
    if (reason !== null) for (const line of lines) expect(line.reason).toMatch(reason);
    await beat.stop();
  });
});

describe.each(policies)("while the broker is away, under missed: %s,", (missed) => {
  async function cutOff(entry: Entry) {
    const clock = new ManualClock(startAt);
    const network = { isDown: false };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (network.isDown) throw new Error("connection refused");
      },
    });
    const acted = await stage({ clock, broker, entries: [entry] });
    await clock.advance(20_000);
    network.isDown = true;
    await clock.advance(47_000);
    network.isDown = false;
    await clock.advance(5_000);
    await acted.beat.stop();
    return acted;
  }

  it("everything is held, and goes out late in order: nothing is missed", async () => {
    const { sent, store } = await cutOff(entryOf({ missed }));
    expect(sent()).toEqual([10, 20, 30, 40, 50, 60, 70]);
    expect((await store.load()).entries.get("ten")).toMatchObject({ runs: 7, missed: 0, skipped: 0, failed: 0 });
  });

  it("what gets older than missed_within is given up, counted, and told with its reason", async () => {
    const { sent, store, eventsOf } = await cutOff(entryOf({ missed, missedWithinMs: 15_000 }));
    // What was due first may have arrived already, unknown to beat: that one is never given up.
    expect(sent()).toEqual([10, 20, 30, 60, 70]);
    expect((await store.load()).entries.get("ten")).toMatchObject({ runs: 5, missed: 0, skipped: 0, failed: 2 });
    expect(eventsOf("occurrences-missed")).toHaveLength(2);
    const given = (await store.history("ten", 99)).filter((run) => run.outcome === "failed");
    expect(given.map((run) => [(run.dueAt - startAt) / 1000, run.taskId])).toEqual([
      [50, null],
      [40, null],
    ]);
    for (const run of given) expect(run.reason).toContain("missed_within");
  });
});

describe.each(policies)("a beat that is stopped while the broker is away, under missed: %s,", (missed) => {
  it("comes back to a schedule of which every occurrence is sent or counted, once", async () => {
    const clock = new ManualClock(startAt);
    const network = { isDown: false };
    const broker = new MemoryBroker({
      clock,
      before: () => {
        if (network.isDown) throw new Error("connection refused");
      },
    });
    const entries = [entryOf({ missed })];
    const first = await stage({ clock, broker, entries });
    await clock.advance(5_000);
    network.isDown = true;
    await clock.advance(20_000);
    clock.jump(60_000);
    await clock.advance(6_000);
    const stopped = first.beat.stop();
    await clock.advance(1_000);
    await stopped;
    network.isDown = false;
    const second = await stage({ clock, broker, store: first.store, entries });
    await clock.advance(startAt + 105_000 - clock.now());
    const { missed: given, skipped, failed } = second.steering.show("ten");
    expect([second.sent(), second.sent().length + given + skipped + failed]).toEqual([second.sent(), 10]);
    await second.beat.stop();
  });
});

interface World {
  readonly clock: ManualClock;
  readonly network: { isDown: boolean; losesAnswers: boolean };
  readonly life: Life;
  readonly restart: () => Promise<void>;
  now: Stage;
}

/** What may happen to a beat. Each turn leaves everything as it was before, but for the time. */
const turns = {
  runs: ({ clock }, ms) => clock.advance(ms),
  isDown: async (world, ms) => {
    await stop(world);
    await world.clock.advance(ms);
    await world.restart();
  },
  isFrozen: async ({ clock, life }, ms) => {
    life.freeze();
    await clock.advance(ms);
    life.thaw();
    await clock.advance(0);
  },
  clockJumpsAhead: async ({ clock }, ms) => clock.jump(ms),
  clockJumpsBack: async ({ clock }, ms) => clock.jump(-ms),
  brokerIsAway: async ({ clock, network }, ms) => {
    network.isDown = true;
    await clock.advance(ms);
    network.isDown = false;
  },
  answersGetLost: async ({ clock, network }, ms) => {
    network.losesAnswers = true;
    await clock.advance(ms);
    network.losesAnswers = false;
  },
  isStoppedWhileBrokerIsAway: async (world, ms) => {
    // What arrived, and whose answer never came, nobody could count: the next beat finds only its mark.
    await world.clock.advance(6_000);
    world.network.isDown = true;
    await world.clock.advance(ms);
    await stop(world);
    world.network.isDown = false;
    await world.clock.advance(ms);
    await world.restart();
  },
  isPaused: async ({ clock, now }, ms) => {
    await now.steering.pause({ entries: ["ten"], by, reason: null });
    await clock.advance(ms);
    await now.steering.resume({ entries: ["ten"], by, catchUp: false });
  },
  isPausedAndCatchesUp: async ({ clock, now }, ms) => {
    await now.steering.pause({ entries: ["ten"], by, reason: null });
    await clock.advance(ms);
    await now.steering.resume({ entries: ["ten"], by, catchUp: true });
  },
  isPausedOverRestart: async (world, ms) => {
    await world.now.steering.pause({ entries: ["ten"], by, reason: null });
    await stop(world);
    await world.clock.advance(ms);
    await world.restart();
    await world.now.steering.resume({ entries: ["ten"], by, catchUp: false });
  },
} satisfies Record<string, (world: World, ms: number) => Promise<void>>;

const turn = fc.tuple(
  fc.constantFrom(...(Object.keys(turns) as (keyof typeof turns)[])),
  fc.integer({ min: 0, max: 60_000 }),
);

async function stop({ now, clock }: World): Promise<void> {
  const stopped = now.beat.stop();
  await clock.advance(1000);
  await stopped;
}

/** Instants as uneven as fast-check can make them, in milliseconds after the start. */
const uneven = fc
  .array(fc.integer({ min: 1, max: 40_000 }), { minLength: 3, maxLength: 40 })
  .map((gaps) => gaps.map((_, index) => startAt + gaps.slice(0, index + 1).reduce((sum, gap) => sum + gap, 0)));

const schedules: fc.Arbitrary<Schedule> = fc.oneof(
  fc.integer({ min: 1, max: 30 }).map((seconds) => every(seconds, { anchor: startAt })),
  uneven.map((instants) => ({
    next: (after: number) => instants.find((at) => at > after) ?? null,
    describe: () => "uneven",
    toJSON: () => ({ kind: "uneven", instants }),
  })),
);

const entries = fc
  .record({
    schedule: schedules,
    missed: fc.constantFrom(...policies),
    missedWithinMs: fc.option(fc.integer({ min: 0, max: 90_000 })),
    jitterMs: fc.constantFrom(0, 0, 3000),
  })
  .map((change) => entryOf(change));

async function worldOf(entry: Entry): Promise<World> {
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
  const store = new MemoryStore({ clock, history: 10_000 });
  const life = new Life();
  const begin = (): Promise<Stage> => stage({ clock, broker, store, life, entries: [entry] });
  const world: World = {
    clock,
    network,
    life,
    now: await begin(),
    restart: async () => {
      world.now = await begin();
    },
  };
  return world;
}

/** All nominal times of an entry from the start up to and including `until`, in seconds after the start. */
function occurrencesUpTo({ schedule }: Entry, until: number): number[] {
  const all: number[] = [];
  for (let at = schedule.next(startAt); at !== null && at <= until; at = schedule.next(at)) {
    all.push((at - startAt) / 1000);
  }
  return all;
}

describe("whatever happens to a beat that is stopped properly,", () => {
  it("each occurrence is sent once, or counted once as missed, skipped or failed, with a reason", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.array(turn, { maxLength: 8 }), async (entry, happens) => {
        const world = await worldOf(entry);
        for (const [what, ms] of happens) await turns[what](world, ms);
        await world.clock.advance(40_000);
        await stop(world);
        const { store, sent } = world.now;
        const state = (await store.load()).entries.get("ten");
        const { missed = 0, skipped = 0, failed = 0, settledAt = startAt } = state ?? {};
        const all = occurrencesUpTo(entry, settledAt);
        const found = sent();
        expect(new Set(found).size).toBe(found.length);
        expect(all).toEqual(expect.arrayContaining(found));
        expect({
          sent: found.length,
          missed,
          skipped,
          failed,
          sum: found.length + missed + skipped + failed,
        }).toEqual({
          sent: found.length,
          missed,
          skipped,
          failed,
          sum: all.length,
        });
        const unsent = (await store.history("ten", 10_000)).filter((run) => run.taskId === null);
        expect(unsent.every((run) => run.reason !== null && run.reason !== "")).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

interface Death {
  readonly aliveMs: number;
  /** Then it is killed after so many steps more. */
  readonly steps: number;
  readonly downMs: number;
  readonly losesRecord: boolean;
  readonly losesAnswers: boolean;
}

const deaths: fc.Arbitrary<readonly Death[]> = fc.array(
  fc.record({
    aliveMs: fc.integer({ min: 0, max: 40_000 }),
    steps: fc.integer({ min: 0, max: 30 }),
    downMs: fc.integer({ min: 0, max: 60_000 }),
    losesRecord: fc.boolean(),
    losesAnswers: fc.boolean(),
  }),
  { maxLength: 6 },
);

describe("under missed: all, a beat that is killed again and again", () => {
  it("sends each occurrence once and in order, with its record or without", async () => {
    await fc.assert(
      fc.asyncProperty(schedules, deaths, async (schedule, fates) => {
        const entry = entryOf({ schedule, missed: "all" });
        const world = await worldOf(entry);
        const { clock, network } = world;
        const { broker } = world.now;
        let { life, store } = { life: world.life, store: world.now.store };
        for (const { aliveMs, steps, downMs, losesRecord, losesAnswers } of fates) {
          await clock.advance(aliveMs);
          network.losesAnswers = losesAnswers;
          life.killIn(steps);
          await clock.advance(15_000);
          life.kill();
          network.losesAnswers = false;
          await clock.advance(downMs);
          life = new Life();
          if (losesRecord) store = new MemoryStore({ clock });
          world.now = await stage({ clock, broker, store, life, entries: [entry] });
        }
        await clock.advance(60_000);
        expect(world.now.sent()).toEqual(occurrencesUpTo(entry, clock.now()));
        await world.now.beat.stop();
      }),
      { numRuns: 100 },
    );
  });
});
