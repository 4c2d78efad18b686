// What every pool owes: all jobs run, no more at once than its size, in order, and each with its outcome.
import { describe, expect, it } from "vitest";
import { type Begun, PoolStage, type StageOptions } from "../fixtures/pool/stage.ts";
import { waitUntil } from "../helper/wait.ts";

/** @param most how many jobs the pool can run at once at most */
export function describePool(kind: "prefork" | "async" | "solo", most: number): void {
  const open = async (options: StageOptions = {}): Promise<PoolStage> => {
    const stage = new PoolStage(kind, { size: most, ...options });
    await stage.pool.start();
    return stage;
  };
  const fill = (stage: PoolStage): Promise<Begun[]> =>
    Promise.all(Array.from({ length: most }, (_, index) => stage.begin("never", null, { id: `busy-${index}` })));

  describe(`the ${kind} pool`, () => {
    it("runs a job and gives its outcome as the job gave it", async () => {
      await using stage = await open();
      const outcome = await stage.run("echo", { a: [1, "two", null] }, { id: "one" });
      expect(outcome).toMatchObject({ id: "one", state: "SUCCESS", resultText: '{"a":[1,"two",null]}', children: [] });
      expect(stage.pool.processes).toContain(outcome.pid);
      expect(outcome.runtimeMs).toBeGreaterThanOrEqual(0);
    });

    it("passes on the failure of a task", async () => {
      await using stage = await open();
      expect(await stage.run("throws", "too far")).toMatchObject({
        state: "FAILURE",
        exception: { exc_type: "RangeError", exc_message: ["too far"] },
        traceback: "here",
      });
    });

    it("makes a failure of what should not happen: a run that throws", async () => {
      await using stage = await open();
      expect(await stage.run("rejects")).toMatchObject({
        state: "FAILURE",
        exception: { exc_type: "RangeError", exc_message: ["the pool's own fault"] },
      });
      expect(await stage.result("echo", 1)).toBe("1");
    });

    it("says when a job begins, in which process, and every state it reports, in order", async () => {
      await using stage = await open();
      const heard: unknown[] = [];
      const before = Date.now();
      const outcome = await stage.run("states", 50, {
        hooks: {
          onStart: (pid, at) => heard.push(["start", pid, at >= before && at <= Date.now()]),
          onState: (state, metaText) => heard.push([state, metaText]),
        },
      });
      const states = Array.from({ length: 50 }, (_, index) => ["PROGRESS", JSON.stringify({ at: index + 1 })]);
      expect(heard).toEqual([["start", outcome.pid, true], ...states]);
    });

    it("runs no more at once than its size, and says how many more it would", async () => {
      await using stage = await open();
      expect([stage.pool.size, stage.pool.free]).toEqual([most, most]);
      await fill(stage);
      expect(stage.pool.free).toBe(0);
      let begun = false;
      void stage.begin("echo").then(() => {
        begun = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect([begun, stage.pool.free]).toEqual([false, 0]);
      expect(stage.pool.terminate("busy-0", "SIGKILL")).toBe(true);
      await waitUntil(() => begun, { what: "the job that waited to begin" });
    });

    it("begins jobs in the order they came", async () => {
      await using stage = await open({ size: 1 });
      const begun: number[] = [];
      const numbers = Array.from({ length: 100 }, (_, index) => index);
      const note = (index: number) => ({ onStart: () => void begun.push(index), onState: () => {} });
      await Promise.all(numbers.map((index) => stage.run("echo", index, { hooks: note(index) })));
      expect(begun).toEqual(numbers);
    });

    it("gives each of many jobs its own outcome", async () => {
      await using stage = await open();
      const numbers = Array.from({ length: 500 }, (_, index) => index);
      const results = await Promise.all(numbers.map((index) => stage.result("echo", index)));
      expect(results).toEqual(numbers.map(String));
    });

    it("fails a job whose hard time limit has passed, and goes on", async () => {
      await using stage = await open();
      const outcome = await stage.run("never", null, { timeLimitMs: 30 });
      expect(outcome).toMatchObject({
        state: "FAILURE",
        cause: "time-limit",
        exception: { exc_type: "TimeLimitExceeded", exc_message: [0.03], exc_module: "billiard.exceptions" },
        exceptionRepr: "TimeLimitExceeded(0.03)",
        traceback: null,
      });
      expect(outcome.runtimeMs).toBeGreaterThanOrEqual(25);
      expect(await stage.result("echo", 2, { timeLimitMs: 60_000 })).toBe("2");
    });

    it("ends a running job on request as REVOKED, and knows those that do not run", async () => {
      await using stage = await open();
      const { outcome } = await stage.begin("never", null, { id: "meant" });
      expect(stage.pool.terminate("another", "SIGTERM")).toBe(false);
      expect(stage.pool.terminate("meant", "SIGTERM")).toBe(true);
      expect(await outcome).toMatchObject({ id: "meant", state: "REVOKED", reason: "terminated", signal: "SIGTERM" });
      expect(await stage.result("echo", 3)).toBe("3");
      expect(stage.pool.terminate("meant", "SIGTERM")).toBe(false);
    });

    it("stops when running jobs are done, and gives those that wait back for the queue", async () => {
      await using stage = await open();
      const running = await Promise.all(Array.from({ length: most }, () => stage.begin("wait", 100)));
      const waiting = stage.run("echo", 4);
      const stopped = stage.pool.stop();
      const late = stage.run("echo", 5);
      expect(stage.pool.free).toBe(0);
      expect(await waiting).toMatchObject({ state: "REJECTED", requeue: true, pid: 0 });
      expect(await late).toMatchObject({ state: "REJECTED", requeue: true });
      await stopped;
      const outcomes = await Promise.all(running.map(({ outcome }) => outcome));
      expect(outcomes.map(({ state }) => state)).toEqual(running.map(() => "SUCCESS"));
      await stage.pool.stop();
    });

    it("ends at once when killed: what runs is lost", async () => {
      await using stage = await open();
      const running = await fill(stage);
      const waiting = stage.run("echo", 6);
      await stage.pool.kill();
      for (const { outcome } of running) {
        expect(await outcome).toMatchObject({
          state: "FAILURE",
          cause: "worker-lost",
          exception: { exc_type: "WorkerLostError", exc_module: "billiard.exceptions" },
        });
      }
      expect(await waiting).toMatchObject({ state: "REJECTED", requeue: true });
    });

    it("can be stopped before it was started", async () => {
      const stage = new PoolStage(kind);
      await stage.pool.stop();
      await stage.pool.kill();
      expect(await stage.run("echo", 7)).toMatchObject({ state: "REJECTED", requeue: true });
    });

    it("tells inspect what Celery would", async () => {
      await using stage = await open({ timeouts: [30, 20] });
      expect(stage.pool.stats()).toMatchObject({
        "max-concurrency": most,
        processes: stage.pool.processes,
        timeouts: [30, 20],
      });
    });
  });
}
