import { describe, expect, it } from "vitest";
import { atOnce, type Steps, Turns } from "../../src/beat/steps.ts";
import { ManualClock } from "../helper/manual-clock.ts";

/** Each step takes a millisecond. */
function clockOfSteps() {
  const manual = new ManualClock(0);
  let workedMs = 0;
  const clock = { now: manual.now, sleep: manual.sleep, monotonic: () => manual.monotonic() + workedMs };
  function* work(count: number, seen: number[] = []): Steps<string> {
    for (let step = 0; step < count; step += 1) {
      seen.push(step);
      workedMs += 1;
      yield;
    }
    return "done";
  }
  return { manual, clock, work };
}

describe("long work in steps", () => {
  it("is done at once where nobody waits", () => {
    const { work } = clockOfSteps();
    expect(atOnce(work(1000))).toBe("done");
  });

  it("leaves the event loop to others every few milliseconds", async () => {
    const { clock, work } = clockOfSteps();
    const seen: number[] = [];
    const lengths: number[] = [];
    const done = new Turns(clock).take(work(100, seen));
    for (let before = 0; before < 100; before = seen.length) {
      lengths.push(seen.length - before);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await done).toBe("done");
    expect(Math.max(...lengths)).toBeLessThanOrEqual(10);
  });

  it("makes way for those who are busy, and for the rest of the time in part when they never end", async () => {
    const { manual, clock, work } = clockOfSteps();
    const seen: number[] = [];
    let isDone = false;
    const done = new Turns(clock, () => true).take(work(400, seen)).then(() => {
      isDone = true;
    });
    await manual.advance(4000);
    expect(seen.length).toBeLessThan(10);
    await manual.advance(4000);
    expect(isDone).toBe(true);
    await done;
  });
});
