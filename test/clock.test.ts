import { describe, expect, it } from "vitest";
import { sleepUntil, systemClock, untilRoundMs } from "../src/clock.ts";
import { ManualClock } from "./helper/manual-clock.ts";

const hourMs = 3_600_000;

describe("sleeping until an instant", () => {
  it("never ends before the wall clock shows it, however the milliseconds fall", async () => {
    for (let aheadMs = 0; aheadMs < 12; aheadMs += 1) {
      const at = systemClock.now() + aheadMs;
      await sleepUntil(systemClock, at, hourMs);
      expect(systemClock.now()).toBeGreaterThanOrEqual(at);
    }
  });

  it("ends at once when it is told to", async () => {
    const ending = new AbortController();
    const slept = sleepUntil(systemClock, systemClock.now() + hourMs, 2 * hourMs, ending.signal);
    ending.abort();
    await slept;
  });

  it("takes no longer than it may", async () => {
    const clock = new ManualClock(0);
    let isOver = false;
    const slept = sleepUntil(clock, hourMs, 1000).then(() => {
      isOver = true;
    });
    await clock.advance(999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await slept;
  });

  it("leaves a clock that is exact by itself alone", async () => {
    const clock = new ManualClock(0);
    let wokeAt = -1;
    const slept = sleepUntil(clock, 5000, hourMs).then(() => {
      wokeAt = clock.now();
    });
    await clock.advance(4999);
    expect(wokeAt).toBe(-1);
    await clock.advance(1);
    await slept;
    expect(wokeAt).toBe(5000);
  });
});

describe("rounds", () => {
  it("come at the same time to all that wait for them, however long each was busy, and seldom ones with the frequent", async () => {
    const clock = new ManualClock(0);
    const woke = { often: [] as number[], seldom: [] as number[] };
    const wait = async (everyMs: number, busyMs: number, at: number[]): Promise<void> => {
      for (;;) {
        await clock.sleep(untilRoundMs(clock, everyMs));
        at.push(clock.monotonic());
        await clock.sleep(busyMs);
      }
    };
    await clock.advance(1234.5);
    void wait(5000, 700.25, woke.often);
    void wait(20_000, 30.75, woke.seldom);
    await clock.advance(60_000);
    expect(woke.often.map(Math.floor)).toEqual(Array.from({ length: 12 }, (_, index) => 5000 * (index + 1)));
    expect(woke.seldom.map(Math.floor)).toEqual([20_000, 40_000, 60_000]);
  });

  it("are whole, after what ended a little too early", async () => {
    const clock = new ManualClock(0);
    await clock.advance(4999.5);
    expect(untilRoundMs(clock, 5000)).toBe(5001);
    await clock.advance(0.5);
    expect(untilRoundMs(clock, 5000)).toBe(5000);
  });
});

describe("the last part of a wait", () => {
  it("is given up when the wall clock has been set back behind it", async () => {
    const at = systemClock.now() + hourMs;
    await systemClock.reach?.(at);
    expect(systemClock.now()).toBeLessThan(at);
  });

  it("lets the event loop serve what comes in meanwhile", async () => {
    const served = new Promise<string>((resolve) => setImmediate(() => resolve("served")));
    const reached = systemClock.reach?.(systemClock.now() + hourMs).then(() => "reached");
    expect(await Promise.race([served, reached])).toBe("served");
    await reached;
  });
});
