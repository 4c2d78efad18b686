import { describe, expect, it } from "vitest";
import { describePool } from "../../contract/pool-contract.ts";
import { PoolStage, jobOf } from "../../fixtures/pool/stage.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

describePool("async", 3);
describePool("solo", 1);

const silent = { onStart: () => {}, onState: () => {} };

describe("a pool in the worker's own process", () => {
  it("asks a task to stop through its signal when its time is up, and hears no more of it", async () => {
    const clock = new ManualClock(0);
    const heard: string[] = [];
    let tellLate = (): void => {};
    await using stage = new PoolStage("async", {
      clock,
      run: (job, { onStop, onStart, onState }) =>
        new Promise((resolve) => {
          onStop?.((reason) => heard.push(reason.name));
          onStart(1, clock.now());
          tellLate = () => {
            onState("LATE", "null");
            const ended = { id: job.id, pid: 1, startedAt: 0, runtimeMs: 0, children: [] };
            resolve({ ...ended, state: "SUCCESS", resultText: "1", resultRepr: "1" });
          };
        }),
    });
    const outcome = stage.pool.run(jobOf("any", null, { timeLimitMs: 5000 }), {
      ...silent,
      onState: (state) => heard.push(state),
    });
    await clock.advance(4999);
    expect([heard, stage.pool.free]).toEqual([[], 1]);
    await clock.advance(1);
    expect(await outcome).toMatchObject({
      cause: "time-limit",
      runtimeMs: 5000,
      exceptionRepr: "TimeLimitExceeded(5)",
    });
    tellLate();
    await clock.settle();
    expect([heard, stage.pool.free]).toEqual([["TimeLimitExceeded"], 2]);
  });

  it("has one timer for the limits of all jobs, and none when it has stopped", async () => {
    const clock = new ManualClock(0);
    await using stage = new PoolStage("async", { clock });
    for (let job = 0; job < 3; job += 1) await stage.result("echo", 1, { timeLimitMs: 5000 });
    expect(clock.sleepers).toBe(1);
    await stage.pool.stop();
    expect(clock.sleepers).toBe(0);
  });

  it("grows and shrinks without ending what runs", async () => {
    await using stage = new PoolStage("async", { size: 1 });
    const first = await stage.begin("never", null, { id: "first" });
    const second = stage.begin("never", null, { id: "second" });
    await stage.pool.resize(2);
    await second;
    await stage.pool.resize(1);
    expect([stage.pool.size, stage.pool.free]).toEqual([1, 0]);
    stage.pool.terminate("first", "SIGTERM");
    await first.outcome;
    expect(stage.pool.free).toBe(0);
  });

  it("refuses sizes that mean nothing, and any but 1 for solo", async () => {
    await using stage = new PoolStage("async");
    await expect(stage.pool.resize(0)).rejects.toThrow("a pool cannot have 0 slots");
    await expect(stage.pool.resize(1.5)).rejects.toThrow("a pool cannot have 1.5 slots");
    await using solo = new PoolStage("solo");
    await expect(solo.pool.resize(2)).rejects.toThrow("the solo pool always runs one task at a time");
    expect(solo.pool.size).toBe(1);
  });
});
