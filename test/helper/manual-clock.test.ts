import { describe, expect, it } from "vitest";
import { ManualClock } from "./manual-clock.ts";

const START = Date.UTC(2026, 10, 21, 10);

describe("ManualClock", () => {
  it("wakes sleepers in due order, each at its own time, and those they start on the way", async () => {
    const clock = new ManualClock(START);
    const woken: string[] = [];
    const nap = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name} ${clock.now() - START}`);
      if (name === "first") await nap("third", 20);
    };
    void nap("second", 20);
    void nap("first", 10);
    void nap("late", 500);
    await clock.advance(100);
    expect(woken).toEqual(["first 10", "second 20", "third 30"]);
    expect([clock.now() - START, clock.monotonic(), clock.sleepers]).toEqual([100, 100, 1]);
  });

  it("keeps sleepers and monotonic time when only the wall clock jumps", async () => {
    const clock = new ManualClock(START);
    let awake = false;
    void clock.sleep(50).then(() => {
      awake = true;
    });
    clock.jump(-3_600_000);
    await clock.advance(49);
    expect([awake, clock.now(), clock.monotonic()]).toEqual([false, START - 3_600_000 + 49, 49]);
    await clock.advance(1);
    expect(awake).toBe(true);
  });

  it("ends a sleep at once when its signal is aborted", async () => {
    const clock = new ManualClock(START);
    const controller = new AbortController();
    const sleep = clock.sleep(1_000, controller.signal);
    controller.abort();
    await sleep;
    await clock.sleep(1_000, controller.signal);
    expect([clock.sleepers, clock.monotonic()]).toEqual([0, 0]);
  });
});
