import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BackfillReport, BackfillRequest } from "../../../src/beat/steer/steering.ts";
import { occurrenceId } from "../../../src/beat/occurrence.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import type { Envelope } from "../../../src/protocol/envelope.ts";
import { every } from "../../../src/schedule/interval.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { entryOf, envelopeOf, type Stage, stage, startAt } from "../../helper/beat-stage.ts";
import { Life } from "../../helper/life.ts";
import { onLooseCable } from "../../helper/loose-cable.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const by = "alice@desk";
const reason = "the import was broken";

/** Nominal times of every ten seconds, from and to in seconds after the start. */
const tens = (from: number, to: number): number[] =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, index) => from + index * 10);

const anchored = (seconds = 10, change: Parameters<typeof entryOf>[0] = {}) =>
  entryOf({ schedule: every(seconds, { anchor: startAt }), ...change });

/** By default the two minutes before the start: 13 occurrences. */
function requestOf(change: Partial<BackfillRequest> = {}): BackfillRequest {
  const range = { fromAt: startAt - 120_000, toAt: startAt };
  return { entry: "ten", ...range, perSecond: 2, by, reason, ...change };
}

async function reportOf({ steering }: Stage, id: string): Promise<BackfillReport> {
  const report = steering.backfills().find((one) => one.id === id);
  if (report === undefined) throw new Error(`no backfill ${id}`);
  return report;
}

function backfilled(broker: MemoryBroker): readonly Envelope[] {
  return broker.messages("celery").filter(({ headers }) => headers["occasion"] === "backfill");
}

async function marksOf(broker: MemoryBroker): Promise<readonly string[]> {
  return [...(await broker.leases.marks("test")).keys()].sort();
}

async function stop({ beat, clock }: Stage): Promise<void> {
  const stopped = beat.stop();
  await clock.advance(1000);
  await stopped;
}

describe("a preview", () => {
  it("counts what is in the span, both ends included, and shows the first and the last", async () => {
    const on = await stage({ entries: [anchored()] });
    const preview = on.steering.previewBackfill({ entry: "ten", fromAt: startAt - 120_000, toAt: startAt });
    expect(preview).toMatchObject({ entry: "ten", count: 13, atLeast: false });
    expect(preview.first[0]).toBe(startAt - 120_000);
    expect(preview.first[1]).toBe(startAt - 110_000);
    expect(preview.last.at(-1)).toBe(startAt);
    expect(on.sent()).toEqual([]);
    const none = on.steering.previewBackfill({ entry: "ten", fromAt: startAt - 9_999, toAt: startAt - 1 });
    expect(none).toMatchObject({ count: 0, atLeast: false, first: [], last: [] });
    await on.beat.stop();
  });

  it("of years of seconds stops counting and says so, with the right end, and holds nobody up", async () => {
    const on = await stage({ entries: [anchored(1)] });
    const before = performance.now();
    const preview = on.steering.previewBackfill({
      entry: "ten",
      fromAt: startAt - 5 * 365 * 86_400_000,
      toAt: startAt,
    });
    expect(performance.now() - before).toBeLessThan(500);
    expect(preview.atLeast).toBe(true);
    expect(preview.last.at(-1)).toBe(startAt);
    await on.beat.stop();
  });

  it("that takes long says soon that there are at least so many, and what the last ones are", async () => {
    const clock = new ManualClock(startAt);
    let spentMs = 0;
    let questions = 0;
    const schedule = every(60, { anchor: startAt });
    const slow: typeof schedule = {
      ...schedule,
      bind: () => slow,
      describe: () => schedule.describe(),
      toJSON: () => schedule.toJSON(),
      next: (after) => {
        questions += 1;
        spentMs += 1;
        return schedule.next(after);
      },
    };
    const spending = { now: clock.now, sleep: clock.sleep, monotonic: () => clock.monotonic() + spentMs };
    const on = await stage({ clock, entries: [entryOf({ schedule: slow })], more: { clock: spending } });
    const range = { entry: "ten", fromAt: startAt - 40 * 365 * 86_400_000, toAt: startAt };
    const before = questions;
    const preview = on.steering.previewBackfill(range);
    expect(questions - before).toBeLessThan(500);
    expect(preview).toMatchObject({ atLeast: true, first: [range.fromAt, expect.anything(), expect.anything()] });
    expect(preview.count).toBeGreaterThan(100);
    expect(preview.last.at(-1)).toBe(startAt);
    const report = await on.steering.startBackfill({ ...range, perSecond: 1, by, reason });
    expect(report).toMatchObject({ status: "running", total: null });
    await stop(on);
  });

  it("of what makes no sense is refused, as is its start", async () => {
    const on = await stage({ entries: [anchored()] });
    const usage = expect.objectContaining({ code: "usage" });
    const range = { entry: "ten", fromAt: startAt, toAt: startAt - 1 };
    expect(() => on.steering.previewBackfill(range)).toThrow(usage);
    expect(() => on.steering.previewBackfill({ ...range, entry: "nobody" })).toThrow(usage);
    expect(() => on.steering.previewBackfill({ ...range, fromAt: Number.NaN })).toThrow(usage);
    for (const change of [
      { fromAt: startAt, toAt: startAt - 1 },
      { entry: "nobody" },
      { perSecond: 0 },
      { perSecond: -1 },
      { perSecond: Number.NaN },
      { fromAt: startAt - 9_000, toAt: startAt - 1_000 },
    ]) {
      await expect(on.steering.startBackfill(requestOf(change))).rejects.toMatchObject({ code: "usage" });
    }
    await on.clock.advance(5_000);
    expect(on.sent()).toEqual([]);
    expect(on.steering.backfills()).toEqual([]);
    await on.beat.stop();
  });
});

describe("a backfill", () => {
  it("sends the span in order, under ids of its own, and reports that it is done", async () => {
    const on = await stage({ entries: [anchored()] });
    const report = await on.steering.startBackfill(requestOf());
    expect(report).toMatchObject({ entry: "ten", by, reason, perSecond: 2, status: "running", sent: 0, total: 13 });
    await on.clock.advance(10_000);
    expect(on.sentAs("backfill")).toEqual(tens(-120, 0));
    expect(await reportOf(on, report.id)).toMatchObject({
      status: "done",
      sent: 13,
      total: 13,
      sentUpTo: startAt,
      note: null,
    });
    const messages = backfilled(on.broker);
    const scheduled = messages.map(({ headers }) => occurrenceId("test", "ten", Number(headers["dueAt"])));
    expect(new Set([...messages.map(({ id }) => id), ...scheduled]).size).toBe(26);
    await on.beat.stop();
  });

  it("says what it does: when it begins and when it is done, and a line of history for each", async () => {
    const on = await stage({ entries: [anchored()] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(10_000);
    const changes = on.eventsOf("backfill-changed");
    expect(changes.map(({ status }) => status)).toEqual(["running", "done"]);
    expect(changes[0]).toMatchObject({ id, entry: "ten", sent: 0, total: 13 });
    expect(changes[0]?.note).toContain(by);
    expect(changes[1]).toMatchObject({ id, sent: 13, total: 13 });
    const lines = (await on.steering.history("ten", 99)).filter((line) => line.reason?.startsWith("backfill"));
    expect(lines).toHaveLength(13);
    expect(lines[0]?.reason).toContain(by);
    expect(lines[0]).toMatchObject({ outcome: "sent", dueAt: startAt, taskId: backfilled(on.broker).at(-1)?.id });
    await on.beat.stop();
  });

  it("sends at most so many a second, evenly", async () => {
    const on = await stage({ entries: [anchored()] });
    await on.steering.startBackfill(requestOf({ fromAt: startAt - 990_000, perSecond: 5 }));
    const counts: number[] = [];
    for (let second = 0; second < 20; second += 1) {
      const before = backfilled(on.broker).length;
      await on.clock.advance(1000);
      counts.push(backfilled(on.broker).length - before);
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(6);
    expect(Math.min(...counts.slice(0, 19))).toBeGreaterThanOrEqual(4);
    expect(backfilled(on.broker).length).toBeGreaterThanOrEqual(95);
    await on.beat.stop();
  });

  it("keeps to a rate below one a second, and to one of a thousand", async () => {
    const on = await stage({ entries: [anchored()] });
    await on.steering.startBackfill(requestOf({ perSecond: 0.1 }));
    await on.clock.advance(65_000);
    const slow = backfilled(on.broker).length;
    expect(slow).toBeGreaterThanOrEqual(6);
    expect(slow).toBeLessThanOrEqual(7);
    await on.beat.stop();
    const fast = await stage({ entries: [anchored()] });
    await fast.steering.startBackfill(requestOf({ fromAt: startAt - 100_000_000, perSecond: 1000 }));
    await fast.clock.advance(5_000);
    expect(backfilled(fast.broker).length).toBeGreaterThan(4_000);
    expect(backfilled(fast.broker).length).toBeLessThanOrEqual(5_100);
    await fast.beat.stop();
  });

  it("neither delays nor moves the schedule's own runs", async () => {
    const on = await stage({ entries: [anchored(10, { maxRuns: 6 }), anchored(1, { name: "other" })] });
    await on.steering.startBackfill(requestOf({ fromAt: startAt - 600_000, perSecond: 50 }));
    await on.clock.advance(60_000);
    const own = on.eventsOf("occurrence-sent").filter((event) => event.occurrence === "scheduled");
    expect(own.every((event) => event.sentAt === event.dueAt)).toBe(true);
    expect(on.sentAs("scheduled", "ten")).toEqual(tens(10, 60));
    expect(on.sentAs("scheduled", "other")).toHaveLength(60);
    expect(on.sentAs("backfill")).toEqual(tens(-600, 0));
    expect(on.steering.show("ten")).toMatchObject({ runs: 6, lastDueAt: startAt + 60_000, missed: 0, skipped: 0 });
    expect((await on.store.load()).entries.get("ten")).toMatchObject({ runs: 6, settledAt: startAt + 60_000 });
    await on.beat.stop();
  });

  it("leaves no mark behind when it is done, and is not taken up again by the next leader", async () => {
    const on = await stage({ entries: [anchored()] });
    await on.steering.startBackfill(requestOf());
    await on.clock.advance(12_000);
    expect(await marksOf(on.broker)).toEqual(["ten"]);
    await on.beat.stop();
    const { clock, broker, store } = on;
    const again = await stage({ clock, broker, store, entries: [anchored()] });
    await clock.advance(20_000);
    expect(again.sentAs("backfill")).toEqual(tens(-120, 0));
    expect(await marksOf(broker)).toEqual(["ten"]);
    await again.beat.stop();
  });

  it("goes on beside another, of the same entry and of another one", async () => {
    const entries = [anchored(), anchored(10, { name: "other" })];
    const on = await stage({ entries });
    const ids: string[] = [];
    for (const entry of ["ten", "ten", "other"]) ids.push((await on.steering.startBackfill(requestOf({ entry }))).id);
    expect(new Set(ids).size).toBe(3);
    await on.clock.advance(20_000);
    expect(on.sentAs("backfill", "other")).toEqual(tens(-120, 0));
    expect(on.sentAs("backfill", "ten").sort((one, two) => one - two)).toEqual(
      tens(-120, 0).flatMap((seconds) => [seconds, seconds]),
    );
    expect(new Set(backfilled(on.broker).map(({ id }) => id)).size).toBe(39);
    expect(on.steering.backfills().map(({ status }) => status)).toEqual(["done", "done", "done"]);
    await on.beat.stop();
  });
});

describe("a backfill of which one message cannot be made", () => {
  it("sends all the others, and says at its end how many failed and why", async () => {
    const createEnvelope: typeof envelopeOf = (occurrence) => {
      if (occurrence.dueAt === startAt - 60_000) throw new Error("args[0] is a function");
      return envelopeOf(occurrence);
    };
    const on = await stage({ entries: [anchored()], more: { createEnvelope } });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(9_000);
    expect(on.sentAs("backfill")).toEqual(tens(-120, 0).filter((seconds) => seconds !== -60));
    expect(await reportOf(on, id)).toMatchObject({
      status: "done",
      sent: 12,
      failed: 1,
      total: 13,
      sentUpTo: startAt,
      note: expect.stringContaining("args[0] is a function"),
    });
    expect(await marksOf(on.broker)).toEqual(["ten"]);
    await on.beat.stop();
  });

  it("is done too when it is the last one, or all of them", async () => {
    const createEnvelope: typeof envelopeOf = (occurrence) => {
      if (occurrence.dueAt === startAt) throw new Error("args[0] is a function");
      return envelopeOf(occurrence);
    };
    const on = await stage({ entries: [anchored()], more: { createEnvelope } });
    const { id } = await on.steering.startBackfill(requestOf());
    const none = await on.steering.startBackfill(requestOf({ fromAt: startAt }));
    await on.clock.advance(9_000);
    expect(await reportOf(on, id)).toMatchObject({ status: "done", sent: 12, failed: 1 });
    expect(await reportOf(on, none.id)).toMatchObject({ status: "done", sent: 0, failed: 1 });
    await on.beat.stop();
  });
});

describe("a backfill that is stopped", () => {
  it("sends nothing more, and goes on exactly where it stopped", async () => {
    const on = await stage({ entries: [anchored()] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(3_000);
    const stopped = await on.steering.stopBackfill(id, "bob@desk");
    await on.clock.advance(0);
    const { length } = backfilled(on.broker);
    expect(stopped).toMatchObject({ id, status: "stopped", note: expect.stringContaining("bob@desk") });
    await on.clock.advance(30_000);
    expect(backfilled(on.broker)).toHaveLength(length);
    expect(await reportOf(on, id)).toMatchObject({
      status: "stopped",
      sent: length,
      total: 13,
      sentUpTo: startAt - 120_000 + (length - 1) * 10_000,
    });
    expect(await on.steering.resumeBackfill(id, "carol@desk")).toMatchObject({ id, status: "running" });
    await on.clock.advance(10_000);
    expect(on.sentAs("backfill")).toEqual(tens(-120, 0));
    expect(await reportOf(on, id)).toMatchObject({ status: "done", sent: 13, total: 13 });
    await on.beat.stop();
  });

  it("stays stopped over a restart and a lost record, and then goes on", async () => {
    const on = await stage({ entries: [anchored()] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(3_000);
    await on.steering.stopBackfill(id, by);
    await on.beat.stop();
    const { clock, broker } = on;
    const again = await stage({ clock, broker, entries: [anchored()] });
    await clock.advance(20_000);
    expect(await reportOf(again, id)).toMatchObject({ status: "stopped", sent: backfilled(broker).length });
    await again.steering.resumeBackfill(id, by);
    await clock.advance(10_000);
    expect(again.sentAs("backfill")).toEqual(tens(-120, 0));
    await again.beat.stop();
  });

  it("because its entry is gone says so", async () => {
    const on = await stage({ entries: [anchored(), entryOf({ name: "other" })] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(3_000);
    await on.beat.reload([entryOf({ name: "other" })]);
    await on.clock.advance(20_000);
    const report = await reportOf(on, id);
    expect(report).toMatchObject({ status: "stopped", sent: backfilled(on.broker).length });
    expect(report.sent).toBeLessThan(13);
    expect(report.note).not.toBeNull();
    await expect(on.steering.resumeBackfill(id, by)).rejects.toMatchObject({ code: "usage" });
    await on.beat.stop();
  });

  it("because its schedule was edited says so; an edit of its arguments does not stop it", async () => {
    const on = await stage({ entries: [anchored()] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(2_000);
    await on.beat.reload([anchored(10, { args: ["new"] })]);
    await on.clock.advance(1_000);
    expect((await reportOf(on, id)).status).toBe("running");
    expect(JSON.parse(backfilled(on.broker).at(-1)?.body as string)[0]).toEqual(["new"]);
    await on.beat.reload([anchored(7)]);
    await on.clock.advance(10_000);
    const report = await reportOf(on, id);
    expect(report).toMatchObject({ status: "stopped", sent: backfilled(on.broker).length });
    expect(report.note).toContain("edited");
    await on.beat.stop();
  });

  it("made while no beat was there, by an edit, is stopped all the same", async () => {
    const on = await stage({ entries: [anchored()] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(3_000);
    await on.beat.stop();
    const { clock, broker, store } = on;
    const { length } = backfilled(broker);
    const again = await stage({ clock, broker, store, entries: [anchored(7)] });
    await clock.advance(5_000);
    expect((await reportOf(again, id)).status).toBe("stopped");
    expect(backfilled(broker)).toHaveLength(length);
    await again.beat.stop();
  });

  it("because its entry was paused says who did it, and goes on when both are resumed", async () => {
    const on = await stage({ entries: [anchored()] });
    const { id } = await on.steering.startBackfill(requestOf());
    await on.clock.advance(3_000);
    await on.steering.pause({ entries: ["ten"], by: "bob@desk", reason: null });
    const { length } = backfilled(on.broker);
    await on.clock.advance(20_000);
    expect(backfilled(on.broker)).toHaveLength(length);
    const report = await reportOf(on, id);
    expect(report).toMatchObject({ status: "stopped", sent: length, note: expect.stringContaining("bob@desk") });
    await expect(on.steering.resumeBackfill(id, by)).rejects.toMatchObject({ code: "usage" });
    await expect(on.steering.startBackfill(requestOf())).rejects.toMatchObject({ code: "usage" });
    await on.steering.resume({ entries: ["ten"], by, catchUp: false });
    await on.steering.resumeBackfill(id, by);
    await on.clock.advance(10_000);
    expect(on.sentAs("backfill")).toEqual(tens(-120, 0));
    await on.beat.stop();
  });

  it("by a pause while the broker is away counts nothing as skipped, and sends each once when both are resumed", async () => {
    const clock = new ManualClock(startAt);
    const { broker, cable } = onLooseCable(clock);
    const on = await stage({ clock, broker, entries: [anchored(600)] });
    cable.isCut = true;
    const { id } = await on.steering.startBackfill(requestOf({ fromAt: startAt - 7_200_000, perSecond: 100 }));
    await clock.advance(5_000);
    await on.steering.pause({ entries: ["ten"], by, reason: null });
    cable.isCut = false;
    await clock.advance(10_000);
    expect(on.steering.show("ten")).toMatchObject({ skipped: 0, missed: 0, failed: 0 });
    expect(await reportOf(on, id)).toMatchObject({ status: "stopped", sent: 0, failed: 0 });
    await on.steering.resume({ entries: ["ten"], by, catchUp: false });
    await on.steering.resumeBackfill(id, by);
    await clock.advance(10_000);
    expect(on.sentAs("backfill")).toEqual(Array.from({ length: 13 }, (_, index) => (index - 12) * 600));
    expect(await reportOf(on, id)).toMatchObject({ status: "done", sent: 13, failed: 0, total: 13 });
    expect(on.steering.show("ten")).toMatchObject({ skipped: 0, missed: 0, failed: 0 });
    expect(on.eventsOf("occurrences-missed")).toEqual([]);
    await on.beat.stop();
  });

  it("and resumed in the same moment, again and again, keeps to its rate", async () => {
    const on = await stage({ entries: [anchored(86_400)] });
    const { id } = await on.steering.startBackfill(requestOf({ fromAt: startAt - 100 * 86_400_000 }));
    await on.clock.advance(1_010);
    for (let round = 0; round < 5; round += 1) {
      await on.steering.stopBackfill(id, by);
      await on.steering.resumeBackfill(id, by);
    }
    const before = backfilled(on.broker).length;
    await on.clock.advance(10_000);
    expect(backfilled(on.broker).length - before).toBeGreaterThanOrEqual(19);
    expect(backfilled(on.broker).length - before).toBeLessThanOrEqual(21);
    await on.beat.stop();
  });

  it("of an entry that is not enabled begins all the same, or is refused: it is not silent", async () => {
    const on = await stage({ entries: [anchored(10, { enabled: false })] });
    const outcome = await on.steering.startBackfill(requestOf()).catch((error: unknown) => error);
    await on.clock.advance(10_000);
    const { length } = backfilled(on.broker);
    if (length === 0) expect(outcome).toMatchObject({ code: "usage" });
    else expect(on.sentAs("backfill")).toEqual(tens(-120, 0));
    await on.beat.stop();
  });

  it("that nobody knows is refused", async () => {
    const on = await stage({ entries: [anchored()] });
    await expect(on.steering.stopBackfill("nobody", by)).rejects.toMatchObject({ code: "usage" });
    await expect(on.steering.resumeBackfill("nobody", by)).rejects.toMatchObject({ code: "usage" });
    await on.beat.stop();
  });
});

describe("a backfill goes on", () => {
  const entries = [anchored()];

  async function goesOn(first: Stage, again: Stage, id: string): Promise<void> {
    await first.clock.advance(20_000);
    expect(again.sentAs("backfill")).toEqual(tens(-120, 0));
    expect(await reportOf(again, id)).toMatchObject({ status: "done", sent: 13, total: 13, by, reason });
    await again.beat.stop();
  }

  it("with the next leader on another record", async () => {
    const life = new Life();
    const first = await stage({ entries, life });
    const { clock, broker } = first;
    const second = await stage({ clock, broker, entries, label: "other:2" });
    const { id } = await first.steering.startBackfill(requestOf());
    await clock.advance(3_200);
    life.kill();
    await clock.advance(11_000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    await goesOn(first, second, id);
  });

  it("after a clean stop", async () => {
    const first = await stage({ entries });
    const { clock, broker, store } = first;
    const { id } = await first.steering.startBackfill(requestOf());
    await clock.advance(3_200);
    await first.beat.stop();
    await clock.advance(60_000);
    await goesOn(first, await stage({ clock, broker, store, entries }), id);
  });

  it("wherever beat was killed: nothing is sent twice, nothing is left out, and the count is right", async () => {
    let wasDone = false;
    let steps = 0;
    while (!wasDone) {
      const clock = new ManualClock(startAt);
      const broker = new MemoryBroker({ clock });
      const store = new MemoryStore({ clock });
      const life = new Life();
      const first = await stage({ clock, broker, store, entries, life });
      const { id } = await first.steering.startBackfill(requestOf({ perSecond: 10 }));
      life.killIn(steps);
      await clock.advance(3_000);
      wasDone = !life.isOver;
      life.kill();
      const again = await stage({
        clock,
        broker,
        store: steps % 2 === 0 ? store : new MemoryStore({ clock }),
        entries,
      });
      await clock.advance(steps % 2 === 0 ? 3_000 : 14_000);
      expect([steps, again.sentAs("backfill")]).toEqual([steps, tens(-120, 0)]);
      const report = again.steering.backfills().find((one) => one.id === id);
      if (report !== undefined) expect([steps, report]).toMatchObject([steps, { status: "done", sent: 13, total: 13 }]);
      expect([steps, await marksOf(broker)]).toEqual([steps, ["ten"]]);
      await stop(again);
      steps += 1;
    }
    expect(steps).toBeGreaterThan(30);
  });

  it("whatever happens to the broker meanwhile", async () => {
    const turn = fc.tuple(fc.constantFrom("runs", "down", "deaf", "stop", "kill"), fc.integer({ min: 10, max: 4000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 8 }), async (turns) => {
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
        const store = new MemoryStore({ clock });
        let life = new Life();
        let on = await stage({ clock, broker, store, entries, life });
        const { id } = await on.steering.startBackfill(requestOf());
        for (const [what, ms] of turns) {
          if (what === "stop") await stop(on);
          if (what === "kill") life.kill();
          network.isDown = what === "down";
          network.losesAnswers = what === "deaf";
          await clock.advance(ms);
          if (what !== "stop" && what !== "kill") continue;
          life = new Life();
          on = await stage({ clock, broker, store, entries, life });
        }
        network.isDown = false;
        network.losesAnswers = false;
        await clock.advance(30_000);
        expect(on.sentAs("backfill")).toEqual(tens(-120, 0));
        const report = on.steering.backfills().find((one) => one.id === id);
        if (report !== undefined) expect(report).toMatchObject({ status: "done", sent: 13, total: 13 });
        expect(await marksOf(broker)).toEqual(["ten"]);
        await stop(on);
      }),
      { numRuns: 60 },
    );
  });
});
