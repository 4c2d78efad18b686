import { describe, expect, it } from "vitest";
import { occurrenceId } from "../../../src/beat/occurrence.ts";
import type { RunReport, RunRequest } from "../../../src/beat/steer/steering.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import type { Envelope } from "../../../src/protocol/envelope.ts";
import { entryOf, envelopeOf, type Stage, stage, startAt } from "../../helper/beat-stage.ts";
import { Life } from "../../helper/life.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const by = "alice@desk";
const reason = "the customer waits";

async function run({ clock, steering }: Stage, change: Partial<RunRequest> = {}, waitMs = 0): Promise<RunReport> {
  const running = steering.run({ entry: "ten", by, reason, ...change });
  running.catch(() => undefined);
  await clock.advance(waitMs);
  return running;
}

function manual(broker: MemoryBroker): readonly Envelope[] {
  return broker.messages("celery").filter(({ headers }) => headers["occasion"] === "manual");
}

async function onNetwork(change: Parameters<typeof entryOf>[0] = {}) {
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
  return { on: await stage({ clock, broker, entries: [entryOf(change)] }), network, clock, broker };
}

describe("a run by hand", () => {
  it("is sent at once as `manual`, under an id of its own, and says where it went", async () => {
    const on = await stage();
    await on.clock.advance(13_000);
    const report = await run(on);
    expect(report).toEqual({ entry: "ten", task: "proj.ten", taskId: report.taskId, isSent: true, queue: "celery" });
    expect(manual(on.broker).map((message) => message.id)).toEqual([report.taskId]);
    expect(on.eventsOf("occurrence-sent").at(-1)).toMatchObject({
      entry: "ten",
      taskId: report.taskId,
      occurrence: "manual",
      sentAt: startAt + 13_000,
    });
    expect(report.taskId).not.toBe(occurrenceId("test", "ten", startAt + 13_000));
    expect(report.taskId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    await on.beat.stop();
  });

  it("moves what was sent last, and nothing of the schedule", async () => {
    const on = await stage();
    await on.clock.advance(13_000);
    const before = on.steering.show("ten");
    const settledAt = (await on.store.load()).entries.get("ten")?.settledAt;
    const { taskId } = await run(on);
    const after = on.steering.show("ten");
    expect(after).toEqual({ ...before, lastSentAt: startAt + 13_000, lastTaskId: taskId });
    expect(after).toMatchObject({ lastDueAt: startAt + 10_000, runs: 1, nextAt: startAt + 20_000 });
    expect((await on.store.load()).entries.get("ten")).toMatchObject({
      settledAt,
      lastDueAt: startAt + 10_000,
      runs: 1,
      lastTaskId: taskId,
    });
    await on.clock.advance(17_000);
    expect(on.sentAs("scheduled")).toEqual([10, 20, 30]);
    await on.beat.stop();
  });

  it("of an entry that never ran leaves it so, over a restart too", async () => {
    const on = await stage({ entries: [entryOf({ seconds: 60 })] });
    await on.clock.advance(30_000);
    await run(on);
    expect(on.steering.show("ten")).toMatchObject({ lastDueAt: null, runs: 0, nextAt: startAt + 60_000 });
    await on.beat.stop();
    const { clock, broker, store } = on;
    const again = await stage({ clock, broker, store, entries: [entryOf({ seconds: 60 })] });
    expect(again.steering.show("ten")).toMatchObject({ lastDueAt: null, runs: 0, nextAt: startAt + 60_000 });
    await clock.advance(30_000);
    expect(again.sentAs("scheduled")).toEqual([60]);
    await again.beat.stop();
  });

  it("leaves a line of history that says who and why", async () => {
    const on = await stage();
    const first = await run(on);
    const second = await run(on, { reason: null });
    const lines = await on.steering.history("ten", 10);
    expect(lines).toMatchObject([
      { outcome: "sent", taskId: second.taskId, at: startAt, reason: `manual, by ${by}` },
      { outcome: "sent", taskId: first.taskId, at: startAt, reason: `manual, by ${by}: ${reason}` },
    ]);
    await on.beat.stop();
  });

  it("uses up nothing of max_runs, and works when that is reached", async () => {
    const on = await stage({ entries: [entryOf({ maxRuns: 2 })] });
    await run(on);
    await run(on);
    await on.clock.advance(60_000);
    expect(on.sentAs("scheduled")).toEqual([10, 20]);
    expect(await run(on)).toMatchObject({ isSent: true });
    expect(on.steering.show("ten")).toMatchObject({ runs: 2, nextAt: null });
    await on.beat.stop();
  });

  it("works for an entry that is paused, and leaves it paused", async () => {
    const on = await stage();
    await on.steering.pause({ entries: ["ten"], by, reason: null });
    expect(await run(on)).toMatchObject({ isSent: true });
    await on.clock.advance(60_000);
    expect(on.sentAs("manual")).toHaveLength(1);
    expect(on.sentAs("scheduled")).toEqual([]);
    expect(on.steering.show("ten").paused).not.toBeNull();
    await on.beat.stop();
  });

  it("works for an entry that is not enabled", async () => {
    const on = await stage({ entries: [entryOf({ enabled: false })] });
    expect(await run(on)).toMatchObject({ isSent: true, queue: "celery" });
    await on.clock.advance(60_000);
    expect(on.sent()).toHaveLength(1);
    await on.beat.stop();
  });

  it("goes beside the occurrence of the same instant, and beside another by hand", async () => {
    const on = await stage();
    await on.clock.advance(10_000);
    const both = [on.steering.run({ entry: "ten", by, reason }), on.steering.run({ entry: "ten", by, reason })];
    await on.clock.advance(0);
    const [first, second] = await Promise.all(both);
    expect(first?.taskId).not.toBe(second?.taskId);
    expect(on.sentAs("scheduled")).toEqual([10]);
    expect(manual(on.broker).map((message) => message.id)).toEqual([first?.taskId, second?.taskId]);
    await on.beat.stop();
  });

  it("is sent once under one id, when only the broker's answer is lost", async () => {
    const { on, network, clock, broker } = await onNetwork();
    await clock.advance(5_000);
    network.losesAnswers = true;
    const report = await run(on, {}, 15_000);
    network.losesAnswers = false;
    await clock.advance(20_000);
    expect(manual(broker).map((message) => message.id)).toEqual([report.taskId]);
    expect(on.sentAs("scheduled")).toEqual([10, 20, 30, 40]);
    const lines = (await on.steering.history("ten", 99)).filter((line) => line.reason?.startsWith("manual"));
    expect(lines).toHaveLength(1);
    await on.beat.stop();
  });

  it("while the broker is away is answered as not sent, and goes out once when it is back", async () => {
    const { on, network, clock, broker } = await onNetwork({ missedWithinMs: 5_000 });
    network.isDown = true;
    const report = await run(on, {}, 15_000);
    expect(report).toMatchObject({ entry: "ten", isSent: false, queue: null });
    expect(manual(broker)).toEqual([]);
    network.isDown = false;
    await clock.advance(10_000);
    expect(manual(broker).map((message) => message.id)).toEqual([report.taskId]);
    await clock.advance(30_000);
    expect(manual(broker)).toHaveLength(1);
    expect(on.steering.show("ten").lastSentAt).not.toBeNull();
    await on.beat.stop();
  });

  it("is not repeated by a beat that was killed anywhere on the way", async () => {
    /** True: the run was through before the end came. */
    const killedAfter = async (steps: number): Promise<boolean> => {
      const life = new Life();
      const on = await stage({ life });
      const { clock, broker, store } = on;
      life.killIn(steps);
      let isSent = false;
      on.steering.run({ entry: "ten", by, reason }).then(
        (report) => (isSent = report.isSent),
        () => undefined,
      );
      await clock.advance(1_000);
      const isThrough = !life.isOver;
      life.kill();
      const again = await stage({ clock, broker, store });
      await clock.advance(20_000);
      expect(manual(broker).length).toBeLessThanOrEqual(1);
      if (isSent) expect(manual(broker)).toHaveLength(1);
      expect(again.sentAs("scheduled")).toEqual([10, 20]);
      await again.beat.stop();
      return isThrough;
    };
    let steps = 0;
    while (!(await killedAfter(steps))) steps += 1;
    expect(steps).toBeGreaterThan(2);
  });

  it("leaves nothing behind in the broker, however many there are", async () => {
    const on = await stage();
    await run(on);
    const before = (await on.broker.leases.marks("test")).size;
    for (let count = 0; count < 50; count += 1) await run(on, {}, 100);
    expect((await on.broker.leases.marks("test")).size).toBe(before);
    expect((await on.broker.leases.notes("test")).size).toBe(0);
    await on.beat.stop();
  });

  it("of an entry that nobody knows is refused, with a name that is near", async () => {
    const on = await stage({ entries: [entryOf({ name: "nightly report" })] });
    await expect(run(on, { entry: "nightly reprot" })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("nightly reprot"),
    });
    expect(on.sent()).toEqual([]);
    await on.beat.stop();
  });

  it("whose message cannot be made says so, and harms nothing else", async () => {
    const createEnvelope: typeof envelopeOf = (occurrence) => {
      if (occurrence.entry.name === "bad") throw new Error("args[0] is a function");
      return envelopeOf(occurrence);
    };
    const entries = [entryOf({ name: "bad" }), entryOf()];
    const on = await stage({ entries, more: { createEnvelope } });
    const outcome = await run(on, { entry: "bad" }, 20_000).catch((error: unknown) => String(error));
    expect(JSON.stringify(outcome)).toContain("args[0] is a function");
    expect(on.eventsOf("occurrences-missed")[0]).toMatchObject({
      entry: "bad",
      cause: "refused",
      occurrence: "manual",
    });
    expect(on.sent("ten")).toEqual([10, 20]);
    await on.beat.stop();
  });
});
