import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PoolStage, type StageOptions, lives } from "../../fixtures/pool/stage.ts";
import { describePool } from "../../contract/pool-contract.ts";
import { ManualClock } from "../../helper/manual-clock.ts";
import { temporaryFolder } from "../../helper/temporary-folder.ts";
import { waitUntil } from "../../helper/wait.ts";

describePool("prefork", 2);

async function open(options: StageOptions = {}): Promise<PoolStage> {
  const stage = new PoolStage("prefork", { size: 1, ...options });
  await stage.pool.start();
  return stage;
}

const lost = (how: string, id: string): object => ({
  state: "FAILURE",
  cause: "worker-lost",
  exception: {
    exc_type: "WorkerLostError",
    exc_message: [`Worker exited prematurely: ${how} Job: ${id}.`],
    exc_module: "billiard.exceptions",
  },
  exceptionRepr: `WorkerLostError('Worker exited prematurely: ${how} Job: ${id}.')`,
  traceback: null,
});

describe("a task that takes its process with it", () => {
  it.each([
    ["exit", 0, "exitcode 0"],
    ["exit", 7, "exitcode 7"],
    ["exit-soon-and-wait", 0, "exitcode 0"],
    ["abort", 0, "signal 6 (SIGABRT)"],
    ["stray-error", 0, "exitcode 1"],
    ["stray-rejection", 0, "exitcode 1"],
  ])("%s(%s) is lost with %s, and the child is replaced", async (task, code, how) => {
    await using stage = await open();
    const [pid = 0] = stage.pool.processes;
    expect(await stage.run(task, code, { id: "x" })).toMatchObject({ pid, ...lost(how, "x") });
    expect(await stage.result("pid")).not.toBe(String(pid));
    expect(lives(pid)).toBe(false);
    expect(stage.ended).toMatchObject([{ pid, expected: false }]);
  });

  it("is named in the event of the child's end, with what the child says of it", async () => {
    await using stage = await open();
    await stage.run("stray-error", null, { id: "x" });
    expect(stage.ended[0]?.reason).toMatch(
      /^TypeError: a stray timer \(at .*tasks\.ts:\d+:\d+\)+ while it ran stray-error\[x\]$/,
    );
  });

  it("is lost when its process is killed from outside", async () => {
    await using stage = await open();
    const { pid, outcome } = await stage.begin("never", null, { id: "x" });
    process.kill(pid, "SIGKILL");
    expect(await outcome).toMatchObject({ pid, ...lost("signal 9 (SIGKILL)", "x") });
    expect(stage.ended).toMatchObject([{ pid, reason: "signal 9 (SIGKILL) while it ran never[x]", expected: false }]);
    expect(await stage.result("echo", 1)).toBe("1");
  });

  it("keeps its result when the process ends right after it", async () => {
    await using stage = await open();
    const outcomes = [];
    for (let round = 0; round < 5; round += 1) outcomes.push(await stage.run("exit-soon", 3));
    expect(outcomes.map(({ state }) => state)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS"]);
  });
});

describe("a child that has to be killed", () => {
  it("is in an endless loop when the hard limit passes; the pool lives", async () => {
    await using stage = await open({ size: 2 });
    const { pid, outcome } = await stage.begin("endless", null, { id: "x", timeLimitMs: 200 });
    expect(await stage.result("echo", "meanwhile")).toBe('"meanwhile"');
    expect(await outcome).toMatchObject({ pid, state: "FAILURE", cause: "time-limit" });
    expect(lives(pid)).toBe(false);
    expect(stage.ended).toMatchObject([{ pid, reason: "time limit of 0.2 s for endless[x]", expected: true }]);
    expect(await Promise.all([stage.result("echo", 1), stage.result("echo", 2)])).toEqual(["1", "2"]);
  });

  it("does not heed SIGTERM to its terminated task, for its event loop is blocked", async () => {
    await using stage = await open();
    const { pid, outcome } = await stage.begin("endless", null, { id: "x" });
    stage.pool.terminate("x", "SIGTERM");
    expect(await outcome).toMatchObject({ pid, state: "REVOKED", signal: "SIGTERM" });
    expect(lives(pid)).toBe(false);
    expect(stage.ended).toMatchObject([{ reason: "endless[x] was terminated (SIGTERM)", expected: true }]);
  });

  it("does not end in good order within 5 s", async () => {
    const clock = new ManualClock(0);
    await using stage = await open({ args: ["lingers"], clock });
    const stopped = stage.pool.stop();
    await clock.advance(4999);
    expect(stage.ended).toEqual([]);
    await clock.advance(1);
    await stopped;
    expect(stage.ended).toMatchObject([{ reason: "the worker is stopping", expected: true }]);
  });

  it("lets the project's own handler of the signal tidy up first", async () => {
    await using stage = await open();
    const states: string[] = [];
    const ended = new Promise((resolve) => {
      const hooks = {
        onStart: () => void stage.pool.terminate("x", "SIGTERM"),
        onState: (state: string) => void states.push(state),
      };
      resolve(stage.run("signals", null, { id: "x", hooks }));
    });
    expect(await ended).toMatchObject({ state: "REVOKED" });
    expect(states).toEqual(["TIDIED"]);
  });

  it("is told another signal as it is", async () => {
    await using stage = await open();
    const { outcome } = await stage.begin("endless", null, { id: "x" });
    stage.pool.terminate("x", "SIGKILL");
    expect(await outcome).toMatchObject({ state: "REVOKED", signal: "SIGKILL" });
    expect(() => stage.pool.terminate("x", "SIGNAL" as NodeJS.Signals)).toThrow("there is no signal SIGNAL");
  });
});

describe("signals for the whole process group", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s leaves a child and its task alone", async (signal) => {
    await using stage = await open();
    const { pid, outcome } = await stage.begin("wait", 100);
    process.kill(pid, signal);
    expect(await outcome).toMatchObject({ state: "SUCCESS", pid });
    expect(await stage.result("pid")).toBe(String(pid));
  });
});

describe("the replacement of children", () => {
  it("comes after so many tasks, and loads while the last of them runs", async () => {
    await using stage = await open({ maxTasksPerChild: 3 });
    const pids: unknown[] = [];
    for (let job = 0; job < 9; job += 1) pids.push(await stage.result("pid"));
    expect(pids.map((pid) => pids.indexOf(pid))).toEqual([0, 0, 0, 3, 3, 3, 6, 6, 6]);
    const [first] = await stage.sawEnded(3);
    expect(first).toMatchObject({ reason: "its 3 tasks are done (worker_max_tasks_per_child)", expected: true });
    expect(stage.pool.stats()).toMatchObject({ "max-tasks-per-child": 3 });
  });

  it("never has more tasks at once than its size, though a replacement is ready early", async () => {
    await using stage = await open({ maxTasksPerChild: 1 });
    const { outcome } = await stage.begin("never", null, { id: "last" });
    await waitUntil(() => stage.pool.processes.length === 2, { what: "the replacement" });
    const next = stage.begin("echo");
    expect(stage.pool.free).toBe(0);
    stage.pool.terminate("last", "SIGKILL");
    expect(await outcome).toMatchObject({ state: "REVOKED" });
    await next;
  });

  it("comes when a child has grown too large, after its job", async () => {
    await using stage = await open({ maxMemoryPerChildKiB: 300_000 });
    const first = await stage.result("pid");
    expect(await stage.run("memory", 10)).toMatchObject({ state: "SUCCESS" });
    expect(await stage.result("pid")).toBe(first);
    expect(await stage.run("memory", 400)).toMatchObject({ state: "SUCCESS" });
    expect(await stage.result("pid")).not.toBe(first);
    const [ended] = await stage.sawEnded(1);
    expect(ended?.reason).toMatch(/^it uses \d{6} KiB, more than 300000 \(worker_max_memory_per_child\)$/);
  });

  it("comes at once when a function goes on after its outcome", async () => {
    await using stage = await open();
    const { pid } = await stage.run("echo", 1, { headers: { abandoned: true } });
    expect(await stage.result("pid")).not.toBe(String(pid));
    expect(await stage.sawEnded(1)).toMatchObject([{ pid, expected: true }]);
  });

  it("comes on request, one child after the other, and lets jobs finish", async () => {
    await using stage = await open({ size: 2 });
    const old = stage.pool.processes;
    const { outcome } = await stage.begin("wait", 100);
    await stage.pool.restart();
    expect(await outcome).toMatchObject({ state: "SUCCESS" });
    expect(stage.pool.processes).toHaveLength(2);
    expect(stage.pool.processes.filter((pid) => old.includes(pid))).toEqual([]);
    expect(old.filter(lives)).toEqual([]);
  });

  it("runs the hooks of a child's regular end", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("told");
    await using stage = await open({ args: ["count", path], maxTasksPerChild: 1 });
    await stage.result("echo", 1);
    await stage.sawEnded(1);
    await waitUntil(() => stage.pool.free === 1, { what: "the replacement" });
    await stage.pool.stop();
    expect(readFileSync(path, "utf8").split("\n").toSorted()).toEqual([
      "",
      "loaded",
      "loaded",
      "shut down",
      "shut down",
    ]);
  });
});

describe("the size of the pool", () => {
  it("grows by children that have loaded", async () => {
    await using stage = await open();
    await stage.pool.resize(3);
    expect([stage.pool.size, stage.pool.free, stage.pool.processes.length]).toEqual([3, 3, 3]);
    const pids = await Promise.all([1, 2, 3].map(async () => (await stage.begin("never")).pid));
    expect(new Set(pids).size).toBe(3);
  });

  it("shrinks by idle children first, and by busy ones when their jobs are done", async () => {
    await using stage = await open({ size: 3 });
    const busy = await Promise.all([stage.begin("wait", 300), stage.begin("wait", 300)]);
    await stage.pool.resize(2);
    const [idle] = await stage.sawEnded(1);
    expect(busy.map(({ pid }) => pid)).not.toContain(idle?.pid);
    await stage.pool.resize(1);
    expect(stage.pool.free).toBe(0);
    const outcomes = await Promise.all(busy.map(({ outcome }) => outcome));
    expect(outcomes.map(({ state }) => state)).toEqual(["SUCCESS", "SUCCESS"]);
    await stage.sawEnded(2);
    expect([stage.pool.processes.length, stage.pool.free]).toEqual([1, 1]);
  });
});

describe("what crosses to a child and back", () => {
  it("may be large", async () => {
    await using stage = await open();
    expect(String(await stage.result("text", 5_000_000))).toHaveLength(5_000_002);
    expect(await stage.result("bodyLength", "x".repeat(5_000_000))).toBe("5000002");
  });

  it("may hold what JSON cannot: a bigint in a header", async () => {
    await using stage = await open();
    expect(await stage.result("header", "big", { headers: { big: 2n ** 63n } })).toBe("9223372036854775808n");
  });

  it("is nothing lost of ten thousand jobs, whatever the children's lives", async () => {
    await using stage = await open({ size: 2, maxTasksPerChild: 2500 });
    const numbers = Array.from({ length: 10_000 }, (_, index) => index);
    const results = await Promise.all(numbers.map((number) => stage.result("echo", number)));
    expect(results).toEqual(numbers.map(String));
    // Three at least: how the jobs fall to the two is not said, and the last of each may not be through.
    expect((await stage.sawEnded(3)).every(({ expected }) => expected)).toBe(true);
  });
});

describe("a child that cannot start", () => {
  it.each([
    ["mistake", "proj.ts has no app", "export one as app"],
    ["refuses", "Error: no connection to the database", undefined],
    ["exit", "a child process ended before it could take a task: exitcode 3", undefined],
  ])("%s: the pool does not start and says why", async (how, message, hint) => {
    await using stage = new PoolStage("prefork", { args: [how] });
    const error = await stage.pool.start().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "config", hint });
    expect((error as Error).message.startsWith(message)).toBe(true);
    expect((error as Error).message).not.toContain("\n");
    expect(stage.pool.processes).toEqual([]);
  });

  it("is given 30 s to load, whatever is set", async () => {
    const clock = new ManualClock(0);
    await using stage = new PoolStage("prefork", { args: ["stuck"], clock, procAliveTimeoutMs: 4000 });
    const failed = stage.pool.start().catch((error: unknown) => error);
    await clock.advance(29_999);
    expect(stage.ended).toEqual([]);
    await clock.advance(1);
    expect(await failed).toMatchObject({ code: "config", message: "the app was not loaded within 30 s" });
  });
});

describe("a child that dies without a job", () => {
  it("is replaced, and a job waits meanwhile", async () => {
    await using stage = await open();
    const [pid = 0] = stage.pool.processes;
    process.kill(pid, "SIGKILL");
    expect(await stage.result("echo", 1)).toBe("1");
    expect(stage.ended).toMatchObject([{ pid, reason: "signal 9 (SIGKILL)", expected: false }]);
  });

  it("is replaced after longer and longer pauses when that happens again and again", async () => {
    const clock = new ManualClock(0);
    await using stage = await open({ args: ["dies-idle"], clock });
    const most = [250, 500, 1000, 2000];
    for (const [deaths, pauseMs] of most.entries()) {
      await stage.sawEnded(deaths + 1);
      await waitUntil(() => clock.sleepers === 1, { what: "the pause before the next child" });
      await clock.advance(pauseMs / 2 - 1);
      expect(stage.pool.processes).toEqual([]);
      await clock.advance(pauseMs / 2 + 1);
      expect(stage.pool.processes).toHaveLength(1);
    }
  });

  it("before its job began loses nothing: another gets it, but not for ever", async () => {
    await using stage = await open({ size: 2 });
    const fatal = stage.run("dies-before-it-begins", null, { id: "x" });
    expect(await stage.result("echo", 1)).toBe("1");
    expect(await fatal).toMatchObject({ state: "FAILURE", cause: "worker-lost", pid: 0 });
    expect(stage.ended.length).toBe(3);
    expect(await stage.result("echo", 2)).toBe("2");
  });
});
