// Growing and shrinking by what waits, on a clock that moves when told to.
import { describe, expect, it } from "vitest";
import type { LovageEvent } from "../../src/event.ts";
import { Autoscaler, autoscaleKeepaliveMs } from "../../src/worker/autoscale.ts";
import { ManualClock } from "../helper/manual-clock.ts";

interface Stage {
  readonly clock: ManualClock;
  readonly events: LovageEvent[];
  readonly pool: { size: number };
  readonly work: { reserved: number; active: number };
  readonly sizes: number[];
  readonly scaler: Autoscaler;
  broken: boolean;
}

function stage(size = 2): Stage {
  const events: LovageEvent[] = [];
  const pool = { size };
  const work = { reserved: 0, active: 0 };
  const sizes: number[] = [];
  const clock = new ManualClock(0);
  const scaler = new Autoscaler({
    max: 10,
    min: 2,
    clock,
    emit: (event) => void events.push(event),
    pool,
    reserved: () => work.reserved,
    active: () => work.active,
    resize: async (wanted) => {
      await Promise.resolve();
      if (made.broken) throw new Error("no more processes");
      pool.size = wanted;
      sizes.push(wanted);
    },
  });
  const made: Stage = { clock, events, pool, work, sizes, scaler, broken: false };
  return made;
}

describe("Autoscaler", () => {
  it("grows within a second to what is in hand, and no further than its maximum", async () => {
    const { clock, pool, work, scaler, events } = stage();
    await scaler.start();
    await clock.advance(500);
    work.active = 2;
    work.reserved = 3;
    await clock.advance(500);
    expect(pool.size).toBe(5);
    work.reserved = 100;
    await clock.advance(1000);
    expect(pool.size).toBe(10);
    expect(events.map((event) => event.type)).toEqual(["pool-resized", "pool-resized"]);
    await scaler.stop();
  });

  it("shrinks to what is in hand, and no further than its minimum, when it was quiet for 30 s", async () => {
    const { clock, pool, work, scaler, sizes } = stage();
    work.active = 8;
    await scaler.start();
    await clock.advance(1000);
    expect(pool.size).toBe(8);
    work.active = 4;
    await clock.advance(29_000);
    expect(pool.size).toBe(8);
    await clock.advance(2000);
    expect(pool.size).toBe(4);
    work.active = 0;
    await clock.advance(31_000);
    expect(sizes).toEqual([8, 4, 2]);
    await scaler.stop();
  });

  it("does not shrink while it is busy now and then", async () => {
    const { clock, pool, work, scaler } = stage(6);
    await scaler.start();
    for (let round = 0; round < 10; round += 1) {
      work.active = 6;
      await clock.advance(1000);
      work.active = 0;
      await clock.advance(20_000);
    }
    expect(pool.size).toBe(6);
    await scaler.stop();
  });

  it("shrinks a pool that never grew, where Celery would leave it large for ever", async () => {
    const { clock, pool, scaler } = stage(6);
    await scaler.start();
    await clock.advance(31_000);
    expect(pool.size).toBe(2);
    await scaler.stop();
  });

  it("obeys new bounds at once", async () => {
    const { pool, work, scaler } = stage();
    work.active = 4;
    await scaler.look();
    await scaler.update(3, 1);
    expect([pool.size, scaler.max, scaler.min]).toEqual([3, 3, 1]);
    await scaler.update(20, 12);
    expect(pool.size).toBe(12);
    await scaler.update(20, 5);
    expect(pool.size).toBe(12);
  });

  it("resizes one at a time, so that two looks do not both grow it", async () => {
    const { work, scaler, sizes, pool } = stage();
    work.reserved = 5;
    await Promise.all([scaler.look(), scaler.look(), scaler.update(4, 2), scaler.look()]);
    expect(sizes).toEqual([5, 4]);
    expect(pool.size).toBe(4);
  });

  it("tells of a pool that would not be resized, and tries again", async () => {
    const made = stage();
    made.work.active = 3;
    made.broken = true;
    await made.scaler.start();
    await made.clock.advance(1);
    expect(made.events).toEqual([{ type: "failure", where: "autoscale", reason: "no more processes" }]);
    made.broken = false;
    await made.clock.advance(1000);
    expect(made.pool.size).toBe(3);
    await made.scaler.stop();
  });

  it("stops before it started, twice, and looks no more", async () => {
    const { clock, work, pool, scaler } = stage();
    await scaler.stop();
    const other = stage();
    await other.scaler.start();
    await other.clock.settle();
    await other.scaler.stop();
    await other.scaler.stop();
    work.active = 10;
    await clock.advance(60_000);
    expect(pool.size).toBe(2);
    expect(other.clock.sleepers).toBe(0);
  });

  it("takes the time of quiet from Celery's name in the environment", () => {
    expect(autoscaleKeepaliveMs({})).toBe(30_000);
    expect(autoscaleKeepaliveMs({ AUTOSCALE_KEEPALIVE: "2.5" })).toBe(2500);
    expect(() => autoscaleKeepaliveMs({ AUTOSCALE_KEEPALIVE: "0" })).toThrow("AUTOSCALE_KEEPALIVE=0");
  });
});
