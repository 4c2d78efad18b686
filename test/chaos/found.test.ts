// What chaos has found, each in its smallest form: a clock that moves when told, and a broker in memory.
import { describe, expect, it } from "vitest";
import type { Broker } from "../../src/broker/broker.ts";
import type { LeaseKeeper } from "../../src/broker/lease.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import { entryOf, stage, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const twice = (times: readonly number[]): readonly number[] => times.filter((at, index) => times.indexOf(at) !== index);

describe("what chaos has found", () => {
  it("missed: earliest: what another beat has sent is not sent again by one that judged it while it slept", async () => {
    const [time, early, late] = [new ManualClock(startAt), new ManualClock(startAt), new ManualClock(startAt)];
    const broker = new MemoryBroker({ clock: time });
    const entries = [entryOf({ missed: "earliest" })];
    const sleeper = await stage({ entries, broker, clock: early, more: { maxIntervalMs: 500 } });
    const other = await stage({ entries, broker, clock: late, label: "other" });
    await pass(12_000, [time, early, late]);
    expect(sleeper.sent()).toEqual([10]);
    // One is stopped; the other takes over and sends the next.
    await pass(11_000, [time, late]);
    expect(sleeper.sent()).toEqual([10, 20]);
    // Now that one is stopped, and the first wakes: by its own record, everything since 20 was missed.
    await pass(22_000, [time]);
    early.jump(33_000);
    await pass(10_000, [time, early]);
    expect(twice(sleeper.sent())).toEqual([]);
    expect(other.sent()).toContain(50);
    await Promise.all([sleeper.beat.stop(), other.beat.stop(), pass(1000, [time, early, late])]);
  });

  it("an edit under a clock that was set back repeats nothing that ran before the clock was set", async () => {
    const { beat, clock, sent } = await stage({ entries: [entryOf({ schedule: crontab("*/10 * * * * *") })] });
    await clock.advance(31_000);
    expect(sent()).toEqual([10, 20, 30]);
    clock.jump(-20_000);
    await clock.advance(1000);
    await beat.reload([entryOf({ schedule: crontab("*/5 * * * * *") })]);
    await clock.advance(40_000);
    expect(twice(sent())).toEqual([]);
    expect(sent().at(-1)).toBe(50);
    await beat.stop();
  });

  it("marks of an edit that arrive late, on a connection given up long ago, do not go back behind what was sent since", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock });
    const late: (() => Promise<void>)[] = [];
    let isSlow = false;
    const slow: Broker = through(broker, (leases) => ({
      setMarks: async (lease, marks, options) => {
        if (!isSlow) return leases.setMarks(lease, marks, options);
        late.push(() => leases.setMarks(lease, marks, options));
        throw new Error("no answer in time");
      },
    }));
    const first = await stage({ clock, broker, through: slow, label: "first" });
    await clock.advance(11_000);
    isSlow = true;
    await first.beat.reload([entryOf({ schedule: crontab("*/10 * * * * *") })]);
    isSlow = false;
    await clock.advance(20_000);
    expect(first.sent()).toEqual([10, 20, 30]);
    for (const arrive of late) await arrive().catch(() => undefined);
    const stopped = first.beat.stop();
    await clock.advance(1000);
    await stopped;
    // Another host, with a record of its own that knows nothing.
    const second = await stage({ clock, broker, entries: [entryOf({ schedule: crontab("*/10 * * * * *") })] });
    await clock.advance(20_000);
    expect(twice(second.sent())).toEqual([]);
    await second.beat.stop();
  });

  it("an edit that two hosts read one second apart does not run an entry twice within that second", async () => {
    const [time, early, late] = [new ManualClock(startAt), new ManualClock(startAt), new ManualClock(startAt)];
    const broker = new MemoryBroker({ clock: time });
    const first = await stage({ broker, clock: early, label: "first" });
    const second = await stage({ broker, clock: late, label: "second" });
    await pass(12_000, [time, early, late]);
    // The first sleeps, the second leads; the first wakes and stands by: it has a plan of its own.
    await pass(11_000, [time, late]);
    early.jump(11_000);
    await pass(5000, [time, early, late]);
    expect(first.eventsOf("beat-lost-lease")).toHaveLength(1);
    const edited = [entryOf({ seconds: 20 })];
    await second.beat.reload(edited);
    await pass(1000, [time, early, late]);
    await first.beat.reload(edited);
    await pass(19_500, [time, early, late]);
    expect(first.sent().at(-1)).toBe(48);
    // Just after it has sent, the second stops cleanly, and the first leads at once.
    await Promise.all([second.beat.stop(), pass(1000, [time, early, late])]);
    await pass(40_000, [time, early]);
    const times = first.sent();
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(10);
    await Promise.all([first.beat.stop(), pass(1000, [time, early])]);
  });
});

/** Several hosts live through the same span, each by its own clock. */
async function pass(ms: number, clocks: readonly ManualClock[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) for (const clock of clocks) await clock.advance(500);
}

function through(broker: MemoryBroker, change: (leases: LeaseKeeper) => Partial<LeaseKeeper>): Broker {
  const leases = new Proxy<LeaseKeeper>(broker.leases, {
    get: (target, key) => Reflect.get(change(target), key) ?? bound(target, key),
  });
  return new Proxy<Broker>(broker, { get: (target, key) => (key === "leases" ? leases : bound(target, key)) });
}

function bound(target: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === "function" ? value.bind(target) : value;
}
