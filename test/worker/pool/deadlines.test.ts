import { describe, expect, it } from "vitest";
import { Deadlines } from "../../../src/worker/pool/deadlines.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

function stage() {
  const clock = new ManualClock(0);
  const deadlines = new Deadlines(clock);
  const passed: string[] = [];
  const limit = (name: string, ms: number): (() => void) =>
    deadlines.after(ms, () => passed.push(`${name} at ${clock.monotonic()}`));
  return { clock, deadlines, passed, limit };
}

describe("deadlines", () => {
  it("pass each at its own time, in whatever order they came, and once", async () => {
    const { clock, passed, limit } = stage();
    limit("late", 3000);
    limit("soon", 1000);
    limit("between", 2000);
    await clock.advance(10_000);
    expect(passed).toEqual(["soon at 1000", "between at 2000", "late at 3000"]);
  });

  it("do not pass when their job has ended", async () => {
    const { clock, passed, limit } = stage();
    const end = limit("ended", 1000);
    limit("running", 1500);
    end();
    await clock.advance(10_000);
    expect(passed).toEqual(["running at 1500"]);
  });

  it("need one timer, however many jobs come and go", async () => {
    const { clock, passed, limit } = stage();
    for (let job = 0; job < 100; job += 1) limit("done", 60_000)();
    expect(clock.sleepers).toBe(1);
    await clock.advance(500);
    limit("stuck", 60_000);
    await clock.advance(60_000);
    expect([passed, clock.sleepers]).toEqual([["stuck at 60500"], 0]);
  });

  it("may be months away", async () => {
    const { clock, passed, limit } = stage();
    limit("far", 86_400_000 * 60);
    await clock.advance(86_400_000 * 59);
    expect(passed).toEqual([]);
    await clock.advance(86_400_000);
    expect(passed).toEqual([`far at ${86_400_000 * 60}`]);
  });

  it("keep no timer when they have ended, and may begin anew", async () => {
    const { clock, deadlines, passed, limit } = stage();
    limit("lost", 1000);
    deadlines.end();
    expect(clock.sleepers).toBe(0);
    limit("new", 1000);
    await clock.advance(1000);
    expect(passed).toEqual(["new at 1000"]);
  });
});
