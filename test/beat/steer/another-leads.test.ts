// What a beat is told, or has still to do, while it does not know yet that another one leads.
import { describe, expect, it } from "vitest";
import { every } from "../../../src/schedule/interval.ts";
import { entryOf, type Stage, stage, startAt } from "../../helper/beat-stage.ts";
import { depose, onLooseCable } from "../../helper/loose-cable.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const alice = { entries: ["ten"], by: "alice@desk", reason: null };
const bob = { entries: ["ten"], by: "bob@desk", reason: "no" };

/** Two beats, of which the first leads. A lease is renewed every 3.3 seconds: that is when it learns that it is deposed. */
async function pair(entries = [entryOf()]) {
  const clock = new ManualClock(startAt);
  const { broker, cable } = onLooseCable(clock);
  const first = await stage({ clock, broker, entries });
  const second = await stage({ clock, broker, entries, label: "other:2" });
  return { clock, broker, cable, first, second };
}

async function stateOf({ store }: Stage) {
  return (await store.load()).entries.get("ten");
}

describe("an order to a beat that leads no more", () => {
  it("to pause leaves no trace: what the new leader paused stands when the old one leads again", async () => {
    const { clock, first, second } = await pair();
    await clock.advance(14_000);
    await depose(first);
    await clock.advance(600);
    await second.steering.pause(bob);
    await clock.advance(100);
    const before = await stateOf(first);
    await expect(first.steering.pause(alice)).rejects.toMatchObject({ code: "standby" });
    expect(await stateOf(first)).toEqual(before);
    expect(first.eventsOf("entry-paused")).toEqual([]);
    await clock.advance(5_000);
    await second.beat.stop();
    await clock.advance(20_000);
    expect(first.steering.show("ten").paused).toMatchObject({ by: "bob@desk", reason: "no" });
    expect(first.sent()).toEqual([10]);
    await first.beat.stop();
  });

  it("to pause what the new leader has resumed leaves it resumed", async () => {
    const { clock, first, second } = await pair();
    await first.steering.pause(alice);
    await clock.advance(14_000);
    await depose(first);
    await clock.advance(600);
    await second.steering.resume({ ...bob, catchUp: false });
    await clock.advance(100);
    await expect(first.steering.pause(alice)).rejects.toMatchObject({ code: "standby" });
    await clock.advance(5_000);
    await second.beat.stop();
    await clock.advance(11_000);
    expect(first.steering.show("ten").paused).toBeNull();
    expect(first.sent()).toEqual([20, 30]);
    await first.beat.stop();
  });

  it("to resume gives up nothing and counts nothing", async () => {
    const { clock, first, second } = await pair();
    await clock.advance(12_000);
    await first.steering.pause(alice);
    await clock.advance(22_000);
    await depose(first);
    await clock.advance(600);
    const before = await stateOf(first);
    await expect(first.steering.resume({ ...bob, catchUp: false })).rejects.toMatchObject({ code: "standby" });
    expect(await stateOf(first)).toEqual(before);
    expect(before).toMatchObject({ settledAt: startAt + 10_000, skipped: 0, paused: { by: "alice@desk" } });
    expect([...first.eventsOf("entry-resumed"), ...first.eventsOf("occurrences-missed")]).toEqual([]);
    await clock.advance(5_000);
    await second.beat.stop();
    await clock.advance(5_400);
    const [report] = await first.steering.resume({ ...bob, catchUp: false });
    expect(report).toMatchObject({ given: 3, skipped: 3, wasPaused: true });
    await clock.advance(10_000);
    expect(first.sent()).toEqual([10, 50]);
    await first.beat.stop();
  });
});

describe("a run by hand that waits for the broker while another beat leads", () => {
  it("goes out once when its own beat leads again, whatever was run by hand there", async () => {
    const { clock, broker, cable, first, second } = await pair([entryOf({ seconds: 3600 })]);
    await clock.advance(1_000);
    cable.isCut = true;
    const running = first.steering.run({ entry: "ten", by: "alice@desk", reason: null });
    await clock.advance(4_000);
    const { taskId, isSent } = await running;
    expect(isSent).toBe(false);
    await depose(first);
    await clock.advance(5_000);
    cable.isCut = false;
    const there = second.steering.run({ entry: "ten", by: "bob@desk", reason: null });
    await clock.advance(5_000);
    const { taskId: sentThere } = await there;
    expect(broker.messages("celery").map(({ id }) => id)).toEqual([sentThere]);
    await second.beat.stop();
    await clock.advance(30_000);
    expect(broker.messages("celery").map(({ id }) => id)).toEqual([sentThere, taskId]);
    expect(await first.steering.history("ten", 9)).toMatchObject([{ taskId, outcome: "sent" }]);
    await first.beat.stop();
  });
});

describe("a backfill whose beat is deposed", () => {
  it.each([0.1, 0.5, 2])(
    "at %d a second leaves no rejection to nobody, and goes on with the next one",
    async (rate) => {
      const unhandled: unknown[] = [];
      const hear = (error: unknown): void => void unhandled.push(error);
      process.on("unhandledRejection", hear);
      const { clock, first, second } = await pair([entryOf({ schedule: every(60, { anchor: startAt }) })]);
      const span = { entry: "ten", fromAt: startAt - 600_000, toAt: startAt - 60_000 };
      await first.steering.startBackfill({ ...span, perSecond: rate, by: "alice@desk", reason: null });
      await clock.advance(500);
      await depose(first);
      await clock.advance(130_000);
      process.off("unhandledRejection", hear);
      expect(unhandled).toEqual([]);
      expect(first.steering.status()).toMatchObject({ leads: false, leader: "other:2" });
      expect(second.steering.backfills()).toMatchObject([{ status: "done", sent: 10, total: 10 }]);
      expect(second.sentAs("backfill")).toEqual(Array.from({ length: 10 }, (_, minute) => (minute - 10) * 60));
      await first.beat.stop();
      await second.beat.stop();
    },
  );
});
