import { describe, expect, it } from "vitest";
import type { PauseRequest, ResumeReport } from "../../../src/beat/steer/steering.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import { every } from "../../../src/schedule/interval.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { entryOf, type Stage, stage, startAt } from "../../helper/beat-stage.ts";
import { Life } from "../../helper/life.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const by = "alice@desk";
const reason = "the mail server is down";

function pause({ steering }: Stage, change: Partial<PauseRequest> = {}) {
  return steering.pause({ entries: ["ten"], by, reason, ...change });
}

async function resume({ steering }: Stage, catchUp = false): Promise<ResumeReport> {
  const [report] = await steering.resume({ entries: ["ten"], by: "bob@desk", catchUp });
  if (report === undefined) throw new Error("resume told nothing of the entry");
  return report;
}

async function stop({ beat, clock }: Stage): Promise<void> {
  const stopped = beat.stop();
  await clock.advance(1000);
  await stopped;
}

async function noteOf(broker: MemoryBroker): Promise<object | null> {
  const text = (await broker.leases.notes("test")).get("pause:ten");
  return text === undefined ? null : (JSON.parse(text) as object);
}

/** A beat whose broker can be taken away: nothing arrives, neither messages nor notes. */
async function onLooseCable(change: Parameters<typeof entryOf>[0] = {}) {
  const clock = new ManualClock(startAt);
  const broker = new MemoryBroker({ clock });
  const cable = { isCut: false };
  const guard = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get: (_target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value === "object" && value !== null) return guard(value);
        if (typeof value !== "function") return value;
        return async (...parameters: unknown[]): Promise<unknown> => {
          if (cable.isCut) throw new Error("connection refused");
          return value.apply(target, parameters);
        };
      },
    });
  const on = await stage({ clock, broker, through: guard(broker), entries: [entryOf(change)] });
  return { on, cable, clock, broker };
}

describe("a paused entry", () => {
  it("sends nothing from that moment on, while the others go on", async () => {
    const on = await stage({ entries: [entryOf(), entryOf({ name: "other" })] });
    await on.clock.advance(20_000);
    await pause(on);
    await on.clock.advance(40_000);
    expect(on.sent("ten")).toEqual([10, 20]);
    expect(on.sent("other")).toEqual([10, 20, 30, 40, 50, 60]);
    await on.beat.stop();
  });

  it("shows who paused it, when and why, and no next time", async () => {
    const on = await stage();
    await on.clock.advance(15_000);
    const [report] = await pause(on);
    const paused = { at: startAt + 15_000, by, reason };
    expect(report).toMatchObject({ entry: "ten", paused, nextAt: null });
    expect(on.steering.show("ten")).toMatchObject({ paused, nextAt: null });
    expect(on.steering.list({ offset: 0, limit: 10 }).rows).toMatchObject([{ entry: "ten", paused }]);
    expect(on.steering.status()).toMatchObject({ entries: 1, paused: 1 });
    expect(on.steering.upcoming(10)).toEqual([]);
    expect(on.eventsOf("entry-paused")).toEqual([{ type: "entry-paused", entry: "ten", by, reason }]);
    expect((await on.store.load()).entries.get("ten")).toMatchObject({ paused });
    expect(await noteOf(on.broker)).toEqual({ at: startAt + 15_000, paused });
    await on.beat.stop();
  });

  it("that is paused again takes over who and why, and is resumed at once", async () => {
    const on = await stage();
    await pause(on);
    await on.clock.advance(25_000);
    const [report] = await pause(on, { by: "carol@desk", reason: null });
    expect(report?.paused).toMatchObject({ by: "carol@desk", reason: null });
    await on.clock.advance(10_000);
    expect(await resume(on)).toMatchObject({ given: 3, wasPaused: true, paused: null });
    await on.clock.advance(5_000);
    expect(on.sent()).toEqual([40]);
    await on.beat.stop();
  });

  it("is paused together with others, or none of them when one is not known", async () => {
    const on = await stage({ entries: ["a", "b", "c"].map((name) => entryOf({ name })) });
    await expect(pause(on, { entries: ["a", "nobody"] })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("nobody"),
    });
    expect(on.steering.status().paused).toBe(0);
    expect((await on.broker.leases.notes("test")).size).toBe(0);
    const reports = await pause(on, { entries: ["a", "b"] });
    expect(reports.map((report) => report.entry)).toEqual(["a", "b"]);
    await on.clock.advance(10_000);
    expect([on.sent("a"), on.sent("b"), on.sent("c")]).toEqual([[], [], [10]]);
    await expect(on.steering.resume({ entries: ["a", "nobody"], by, catchUp: false })).rejects.toMatchObject({
      code: "usage",
    });
    expect(on.steering.status().paused).toBe(2);
    await on.beat.stop();
  });

  it("takes back what waits for the broker, but for what may have arrived already", async () => {
    const { on, cable, clock } = await onLooseCable();
    cable.isCut = true;
    await clock.advance(35_000);
    const pausing = pause(on);
    await clock.advance(10_000);
    await pausing;
    cable.isCut = false;
    await clock.advance(30_000);
    expect(on.sent().filter((seconds) => seconds !== 10)).toEqual([]);
    expect(await resume(on)).toMatchObject({ wasPaused: true, nextAt: startAt + 80_000 });
    await clock.advance(5_000);
    const { runs, missed, skipped, failed } = on.steering.show("ten");
    expect([runs, runs + missed + skipped + failed]).toEqual([on.sent().length, 8]);
    await stop(on);
  });

  it.each([
    [true, 0],
    [true, 1_000],
    [false, 0],
    [false, 1_000],
  ])(
    "that is resumed (catch-up: %s) while the broker is still away, %i ms later, counts nothing that goes out after all",
    async (catchUp, gapMs) => {
      const { on, cable, clock } = await onLooseCable({ missed: "skip" });
      cable.isCut = true;
      await clock.advance(14_000);
      const pausing = pause(on);
      await clock.advance(gapMs);
      await pausing;
      const resuming = resume(on, catchUp);
      await clock.advance(2_000 - gapMs);
      await resuming;
      cable.isCut = false;
      await clock.advance(9_000);
      const { runs, missed, skipped, failed } = on.steering.show("ten");
      expect([runs, runs + missed + skipped + failed]).toEqual([on.sent().length, 2]);
      await on.beat.stop();
    },
  );

  it("that is paused, resumed and paused again while the broker is away loses count of nothing", async () => {
    const { on, cable, clock, broker } = await onLooseCable();
    cable.isCut = true;
    await clock.advance(19_990);
    const steps = [() => pause(on), () => resume(on), () => pause(on)];
    for (const step of steps) {
      const done = step();
      await clock.advance(20);
      await done;
    }
    cable.isCut = false;
    await stop(on);
    const again = await stage({ clock, broker, store: on.store });
    await resume(again);
    await clock.advance(20_000);
    const { runs, missed, skipped, failed } = again.steering.show("ten");
    const due = Math.floor((clock.now() - startAt) / 10_000);
    expect([runs, runs + missed + skipped + failed]).toEqual([again.sent().length, due]);
    await again.beat.stop();
  });

  it("stops in the midst of making up a long backlog, and catches up with the rest of it", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock, before: () => clock.sleep(100) });
    const entries = [entryOf({ seconds: 1, missed: "all" })];
    const first = await stage({ clock, broker, entries });
    await stop(first);
    await clock.advance(10_000_000 - 1000);
    const second = await stage({ clock, broker, store: first.store, entries });
    await clock.advance(250);
    const pausing = pause(second);
    await clock.advance(150);
    await pausing;
    const before = second.sent().length;
    expect(before).toBeGreaterThan(50);
    expect(before).toBeLessThan(9_000);
    await clock.advance(60_000);
    expect(second.sent()).toHaveLength(before);
    const resuming = resume(second, true);
    await clock.advance(5_000);
    await resuming;
    const all = second.sent();
    expect(all.length).toBeGreaterThan(10_060);
    expect(all).toEqual(Array.from(all, (_, index) => index + 1));
    await stop(second);
  });
});

describe("a pause lasts", () => {
  const entries = [entryOf()];

  async function paused(life = new Life()): Promise<Stage> {
    const on = await stage({ entries, life });
    await on.clock.advance(20_000);
    await pause(on);
    return on;
  }

  async function expectPaused(on: Stage): Promise<void> {
    await on.clock.advance(60_000);
    expect(on.sent()).toEqual([10, 20]);
    expect(on.steering.show("ten")).toMatchObject({ paused: { at: startAt + 20_000, by, reason }, nextAt: null });
    await stop(on);
  }

  it("over a restart", async () => {
    const { beat, clock, broker, store } = await paused();
    await beat.stop();
    await clock.advance(35_000);
    await expectPaused(await stage({ clock, broker, store, entries }));
  });

  it("over a crash right after it was answered", async () => {
    const life = new Life();
    const { clock, broker, store } = await paused(life);
    life.kill();
    await expectPaused(await stage({ clock, broker, store, entries }));
  });

  it("wherever beat is killed meanwhile, once it was answered", async () => {
    const killedAfter = async (steps: number): Promise<boolean> => {
      const life = new Life();
      const on = await stage({ entries, life });
      const { clock, broker, store } = on;
      await clock.advance(15_000);
      life.killIn(steps);
      let isAnswered = false;
      pause(on).then(
        () => (isAnswered = true),
        () => undefined,
      );
      await clock.advance(0);
      const isThrough = !life.isOver;
      life.kill();
      for (const known of [{ store }, {}]) {
        const again = await stage({ clock, broker, entries, ...known });
        await clock.advance(15_000);
        if (isAnswered) expect([steps, again.sent()]).toEqual([steps, [10]]);
        await again.beat.stop();
      }
      return isThrough;
    };
    let steps = 0;
    while (!(await killedAfter(steps))) steps += 1;
    expect(steps).toBeGreaterThan(2);
  });

  it("over a crash and a lost record: the broker knows", async () => {
    const life = new Life();
    const { clock, broker } = await paused(life);
    life.kill();
    await clock.advance(15_000);
    await expectPaused(await stage({ clock, broker, entries }));
  });

  it("over a broker that forgot everything: the record knows, and tells it", async () => {
    const { beat, clock, store } = await paused();
    await beat.stop();
    const broker = new MemoryBroker({ clock });
    const on = await stage({ clock, broker, store, entries });
    await clock.advance(60_000);
    expect(on.sent()).toEqual([]);
    expect(on.steering.show("ten").paused).toMatchObject({ by, reason });
    expect(await noteOf(broker)).toMatchObject({ paused: { at: startAt + 20_000, by, reason } });
    await on.beat.stop();
  });

  it("over edits of the entry, while beat runs and while it is down", async () => {
    const on = await paused();
    await on.beat.reload([entryOf({ seconds: 7 })]);
    await on.clock.advance(30_000);
    expect(on.steering.show("ten").paused).toMatchObject({ by, reason });
    await on.beat.stop();
    const { clock, broker, store } = on;
    await expectPaused(await stage({ clock, broker, store, entries: [entryOf({ seconds: 5 })] }));
  });

  it("when a standby with a record of its own takes over", async () => {
    const life = new Life();
    const first = await paused(life);
    const { clock, broker } = first;
    const second = await stage({ clock, broker, entries, label: "other:2" });
    life.kill();
    await clock.advance(11_000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    await expectPaused(second);
  });

  it("until another leader ends it: an old record does not bring it back", async () => {
    const first = await paused();
    const { clock, broker, store } = first;
    const second = await stage({ clock, broker, entries, label: "other:2" });
    await first.beat.stop();
    await clock.advance(1000);
    await resume(second);
    await clock.advance(9000);
    await second.beat.stop();
    const third = await stage({ clock, broker, store, entries });
    await clock.advance(10_000);
    expect(third.steering.show("ten").paused).toBeNull();
    expect(third.sent()).toEqual([10, 20, 30, 40]);
    await third.beat.stop();
  });

  it("longer than its entry is missing: moved to another file, or absent for one deployment, it comes back paused", async () => {
    const on = await paused();
    await on.beat.reload([]);
    await on.clock.advance(10_000);
    await on.beat.reload(entries);
    await on.clock.advance(1_000);
    expect(on.steering.show("ten").paused).toMatchObject({ by, reason });
    expect(on.eventsOf("entry-paused")).toHaveLength(2);
    await on.clock.advance(29_000);
    expect(on.sent()).toEqual([10, 20]);
    await on.beat.stop();
    // A beat whose files lack the entry leads for a while; whoever knows it again keeps it paused.
    const { clock, broker } = on;
    const without = await stage({ clock, broker, entries: [], label: "other:2" });
    await clock.advance(10_000);
    await without.beat.reload(entries);
    expect(without.steering.show("ten").paused).toMatchObject({ by, reason });
    await without.beat.stop();
    const third = await stage({ clock, broker, entries, label: "other:3" });
    expect(third.steering.show("ten").paused).toMatchObject({ by, reason });
    await clock.advance(20_000);
    expect(third.sent()).toEqual([10, 20]);
    await third.beat.stop();
  });

  it("under names as odd as they come", async () => {
    const names = ["a:b", "pause:x", "__proto__", "ünï\u0001\n cöde", " "];
    const odd = names.map((name) => entryOf({ name }));
    const on = await stage({ entries: odd });
    await pause(on, { entries: names, by: "\u0000 'quoted\" by", reason: "line\nbreak" });
    await on.beat.stop();
    const { clock, broker } = on;
    const other = await stage({ clock, broker, entries: odd });
    await clock.advance(20_000);
    expect(other.sent()).toEqual([]);
    expect(other.steering.status().paused).toBe(5);
    expect(other.steering.show("__proto__").paused).toEqual({
      at: startAt,
      by: "\u0000 'quoted\" by",
      reason: "line\nbreak",
    });
    await other.beat.stop();
  });

  it("and is ended for good: neither record nor broker bring it back", async () => {
    const on = await paused();
    await resume(on);
    await on.beat.stop();
    const { clock, broker, store } = on;
    expect((await store.load()).entries.get("ten")?.paused).toBeNull();
    for (const known of [
      { broker, store },
      { broker: new MemoryBroker({ clock }), store },
      { broker, store: new MemoryStore({ clock }) },
    ]) {
      const again = await stage({ clock, ...known, entries });
      expect(again.steering.show("ten").paused).toBeNull();
      await again.beat.stop();
    }
  });
});

describe("while the broker is away", () => {
  it("a pause works at once, and is brought to the broker later", async () => {
    const { on, cable, clock, broker } = await onLooseCable();
    cable.isCut = true;
    await clock.advance(5_000);
    let isAnswered = false;
    const pausing = pause(on).then(() => (isAnswered = true));
    await clock.advance(10_000);
    expect(isAnswered).toBe(true);
    await pausing;
    await clock.advance(30_000);
    expect(on.steering.show("ten").paused).toMatchObject({ by, reason });
    cable.isCut = false;
    await clock.advance(30_000);
    expect(on.sent()).toEqual([]);
    expect(await noteOf(broker)).toMatchObject({ paused: { at: startAt + 5_000, by, reason } });
    await stop(on);
  });

  it("a resume works at once, and is brought to the broker later", async () => {
    const { on, cable, clock, broker } = await onLooseCable();
    await pause(on);
    cable.isCut = true;
    await clock.advance(15_000);
    const resuming = resume(on);
    await clock.advance(10_000);
    expect(await resuming).toMatchObject({ given: 1, wasPaused: true, paused: null });
    cable.isCut = false;
    await clock.advance(15_000);
    expect(on.sent()).toEqual([20, 30, 40]);
    expect((await noteOf(broker)) ?? { paused: null }).toMatchObject({ paused: null });
    await stop(on);
  });

  it("a pause outlives a crash that comes before it could be brought to the broker", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock });
    const store = new MemoryStore({ clock });
    const life = new Life();
    const cut = new Life();
    const on = await stage({ clock, broker, through: cut.around(broker), store, life });
    await clock.advance(20_000);
    cut.freeze();
    const pausing = pause(on);
    await clock.advance(15_000);
    await pausing;
    life.kill();
    const again = await stage({ clock, broker, store });
    await clock.advance(60_000);
    expect(again.sent()).toEqual([10, 20]);
    expect(await noteOf(broker)).toMatchObject({ paused: { by, reason } });
    await again.beat.stop();
  });
});

describe("resume", () => {
  async function resumedAfter(seconds: number, catchUp: boolean, change: Parameters<typeof entryOf>[0] = {}) {
    const on = await stage({ entries: [entryOf(change)] });
    await on.clock.advance(20_000);
    await pause(on);
    await on.clock.advance(seconds * 1000);
    return { ...on, report: await resume(on, catchUp) };
  }

  it("gives up what fell into the pause: counted, written down once, told once, and the grid stays", async () => {
    const { beat, clock, store, sent, eventsOf, report } = await resumedAfter(37, false);
    expect(report).toMatchObject({ given: 3, wasPaused: true, paused: null, skipped: 3, nextAt: startAt + 60_000 });
    await clock.advance(13_000);
    expect(sent()).toEqual([10, 20, 60, 70]);
    expect((await store.load()).entries.get("ten")).toMatchObject({ skipped: 3, missed: 0, failed: 0, runs: 4 });
    const lines = (await store.history("ten", 99)).filter((run) => run.outcome === "skipped");
    expect(lines).toMatchObject([{ dueAt: startAt + 50_000, at: startAt + 57_000, taskId: null }]);
    expect(lines[0]?.reason).toContain(by);
    expect(lines[0]?.reason).toContain("3");
    expect(eventsOf("occurrences-missed")).toMatchObject([
      { cause: "paused", count: 3, atLeast: false, fromAt: startAt + 30_000, toAt: startAt + 50_000 },
    ]);
    expect(eventsOf("entry-resumed")).toEqual([
      { type: "entry-resumed", entry: "ten", by: "bob@desk", catchUp: false },
    ]);
    await beat.stop();
  });

  it("sends nothing of the pause by itself, not even what was due a moment ago", async () => {
    const { beat, clock, sent } = await resumedAfter(10.001, false);
    await clock.advance(9_998);
    expect(sent()).toEqual([10, 20]);
    await clock.advance(1);
    expect(sent()).toEqual([10, 20, 40]);
    await beat.stop();
  });

  it("of a pause in which nothing was due gives up nothing and writes nothing", async () => {
    const { beat, clock, store, sent, eventsOf, report } = await resumedAfter(7, false);
    expect(report).toMatchObject({ given: 0, wasPaused: true, skipped: 0, nextAt: startAt + 30_000 });
    await clock.advance(3_000);
    expect(sent()).toEqual([10, 20, 30]);
    expect(eventsOf("occurrences-missed")).toEqual([]);
    expect((await store.history("ten", 99)).every((run) => run.outcome === "sent")).toBe(true);
    await beat.stop();
  });

  it("of an entry that was not paused changes nothing and says so", async () => {
    const on = await stage();
    await on.clock.advance(25_000);
    expect(await resume(on)).toMatchObject({ wasPaused: false, given: 0, nextAt: startAt + 30_000, skipped: 0 });
    await on.clock.advance(5_000);
    expect(on.sent()).toEqual([10, 20, 30]);
    await on.beat.stop();
  });

  it("after a year says how many there were at least, and does not count them all", async () => {
    const on = await stage({ entries: [entryOf({ schedule: every(1, { anchor: startAt }) })] });
    await pause(on);
    await on.beat.stop();
    on.clock.jump(365 * 86_400_000);
    const { clock, broker, store } = on;
    const again = await stage({
      clock,
      broker,
      store,
      entries: [entryOf({ schedule: every(1, { anchor: startAt }) })],
    });
    const before = performance.now();
    const report = await resume(again);
    expect(performance.now() - before).toBeLessThan(1000);
    expect(report.given).toBeGreaterThanOrEqual(1000);
    expect(again.eventsOf("occurrences-missed")).toMatchObject([
      { cause: "paused", count: report.given, atLeast: true, toAt: clock.now() },
    ]);
    await clock.advance(1000);
    expect(again.sent()).toEqual([365 * 86_400 + 1]);
    await again.beat.stop();
  });

  it("of many entries after a day shares one budget of counting among them all", async () => {
    let questions = 0;
    const schedule = every(1, { anchor: startAt });
    const counting: typeof schedule = {
      bind: () => counting,
      describe: () => schedule.describe(),
      toJSON: () => schedule.toJSON(),
      next: (after) => {
        questions += 1;
        return schedule.next(after);
      },
    };
    const names = Array.from({ length: 200 }, (_, index) => `e${index}`);
    const on = await stage({ entries: names.map((name) => entryOf({ name, schedule: counting })) });
    await pause(on, { entries: names });
    on.clock.jump(86_400_000);
    questions = 0;
    const reports = await on.steering.resume({ entries: names, by, catchUp: false });
    expect(questions).toBeLessThan(50_000);
    expect(reports.filter(({ given, wasPaused }) => given >= 1 && wasPaused)).toHaveLength(200);
    const told = on.eventsOf("occurrences-missed");
    expect(told.filter(({ atLeast, toAt }) => atLeast && toAt === on.clock.now())).toHaveLength(200);
    await on.clock.advance(1_000);
    expect(on.sent("e0")).toEqual([86_401]);
    expect(on.sent("e199")).toEqual([86_401]);
    await on.beat.stop();
  });

  it("uses up none of max_runs for what it gave up", async () => {
    const { beat, clock, sent } = await resumedAfter(37, false, { maxRuns: 4 });
    await clock.advance(60_000);
    expect(sent()).toEqual([10, 20, 60, 70]);
    await beat.stop();
  });

  it("with catch-up goes by the entry's policy, even for what was due a moment ago", async () => {
    const skipped = await resumedAfter(10.5, true, { missed: "skip" });
    await skipped.clock.advance(1000);
    expect(skipped.sent()).toEqual([10, 20]);
    expect(skipped.eventsOf("occurrences-missed")).toMatchObject([{ cause: "missed", count: 1 }]);
    expect(skipped.steering.show("ten")).toMatchObject({ missed: 1, skipped: 0 });
    await skipped.beat.stop();
    const made = await resumedAfter(10.5, true);
    await made.clock.advance(1000);
    expect(made.sentAs("missed")).toEqual([30]);
    expect(made.eventsOf("entry-resumed")).toMatchObject([{ catchUp: true }]);
    await made.beat.stop();
  });

  it("with catch-up does not make up what the next leader finds settled", async () => {
    const { beat, clock, broker, sent } = await resumedAfter(37, true);
    await clock.advance(1000);
    await beat.stop();
    expect(sent()).toEqual([10, 20, 50]);
    const other = await stage({ clock, broker });
    await clock.advance(2000);
    expect(other.sent()).toEqual([10, 20, 50, 60]);
    await other.beat.stop();
  });

  it("without catch-up is settled for the next leader too, whose record knows nothing of it", async () => {
    const life = new Life();
    const on = await stage({ life });
    await on.clock.advance(20_000);
    await pause(on);
    await on.clock.advance(37_000);
    await resume(on);
    life.kill();
    const { clock, broker } = on;
    await clock.advance(2_000);
    const other = await stage({ clock, broker, label: "other:2" });
    await clock.advance(11_000);
    expect(other.sent().filter((seconds) => seconds > 20 && seconds < 60)).toEqual([]);
    expect(other.eventsOf("occurrences-missed").every((event) => event.fromAt >= startAt + 60_000)).toBe(true);
    await other.beat.stop();
  });

  it.each(["the same record", "a record of its own"])(
    "sends nothing of the pause, wherever beat is killed meanwhile, when the next has %s",
    async (whose) => {
      const killedAfter = async (steps: number): Promise<boolean> => {
        const life = new Life();
        const on = await stage({ life });
        const { clock, broker, store } = on;
        await clock.advance(20_000);
        await pause(on);
        await clock.advance(37_000);
        life.killIn(steps);
        let isAnswered = false;
        resume(on).then(
          () => (isAnswered = true),
          () => undefined,
        );
        await clock.advance(0);
        const isThrough = !life.isOver;
        life.kill();
        const label = "other:2";
        const other = await stage({ clock, broker, label, ...(whose === "the same record" ? { store } : {}) });
        await clock.advance(20_000);
        const { paused } = other.steering.show("ten");
        expect([steps, other.sent().filter((seconds) => seconds <= 50)]).toEqual([steps, [10, 20]]);
        if (isAnswered) expect([steps, paused]).toEqual([steps, null]);
        if (paused === null) expect([steps, other.sent().at(-1)]).toEqual([steps, 70]);
        await other.beat.stop();
        return isThrough;
      };
      let steps = 0;
      while (!(await killedAfter(steps))) steps += 1;
      expect(steps).toBeGreaterThan(2);
    },
  );
});
