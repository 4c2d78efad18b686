import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Control } from "../../src/app/control.ts";
import { App } from "../../src/app/app.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openBroker } from "../../src/broker/open.ts";
import { systemClock } from "../../src/clock.ts";
import { eventsCommand } from "../../src/cli/events.ts";
import { controlCommand } from "../../src/cli/control.ts";
import { inspectCommand } from "../../src/cli/inspect.ts";
import { LamportClock } from "../../src/protocol/lamport.ts";
import { readEvents, type TaskEvent } from "../../src/protocol/task-event.ts";
import { EventDispatcher } from "../../src/remote/event-dispatcher.ts";
import { Heartbeat } from "../../src/remote/heartbeat.ts";
import { type CeleryWorker, startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { idOf } from "../helper/envelope.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type RemoteStage, startRemoteStage } from "../helper/remote-stage.ts";
import { startProgram } from "../helper/service.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const isReady = requireService("redis") && requireService("celery");
const sinkFolder = fileURLToPath(new URL("../helper/python", import.meta.url));

let redis: RedisServer;
let broker: Broker;

beforeAll(async () => {
  if (!isReady) return;
  redis = await startRedis();
  broker = await openBroker(redis.url);
});

afterAll(async () => {
  await broker?.close();
  await redis?.stop();
});

interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real command of Python Celery, without any project. */
function celery(...words: readonly string[]): Promise<Told> {
  const args = ["-m", "celery", "-b", redis.url, "--no-color", ...words];
  return new Promise((resolve) => {
    execFile("/usr/bin/python3", args, { env: { ...process.env, C_FORCE_ROOT: "1" } }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : 1, stdout, stderr });
    });
  });
}

/** One answer from one node ends the wait at once; the long timeout is for a busy machine. */
const soon = ["-t", "20", "-d", "w1@stage"];

describe.skipIf(!isReady)("the celery command of Python and our mailbox", () => {
  let stage: RemoteStage;

  beforeAll(async () => {
    stage = await startRemoteStage(broker);
  });

  afterAll(() => stage?.[Symbol.asyncDispose]());

  const json = async (...words: readonly string[]): Promise<unknown> => {
    const { stdout, stderr, code } = await celery(...words, ...soon, "--json");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    const replies = JSON.parse(stdout) as unknown;
    return Array.isArray(replies)
      ? (replies as Record<string, unknown>[])[0]?.["w1@stage"]
      : (replies as Record<string, unknown>)["w1@stage"];
  };

  it("inspect is answered in the form it prints", async () => {
    const { stdout, code } = await celery("inspect", "ping", ...soon);
    expect(code).toBe(0);
    expect(stdout).toBe("->  w1@stage: OK\n        pong\n\n1 node online.\n");
  });

  it("inspect has every question of a worker answered", async () => {
    expect(await json("inspect", "ping")).toEqual({ ok: "pong" });
    expect(await json("inspect", "active")).toMatchObject([{ id: idOf("running"), args: [2, { deep: "ž" }] }]);
    expect(await json("inspect", "reserved")).toMatchObject([{ id: idOf("waiting") }]);
    expect(await json("inspect", "scheduled")).toMatchObject([{ request: { id: idOf("later") } }]);
    expect(await json("inspect", "registered")).toEqual(["proj.add [rate_limit=5/s]", "proj.nothing"]);
    expect(await json("inspect", "registered", "max_retries")).toContain("proj.add [max_retries=7]");
    expect(await json("inspect", "stats")).toMatchObject({ total: { "proj.add": 12 }, pid: process.pid });
    expect(await json("inspect", "active_queues")).toMatchObject([{ name: "celery", routing_key: "celery" }]);
    expect(await json("inspect", "conf", "true")).toMatchObject({ worker_prefetch_multiplier: 4 });
    expect(await json("inspect", "report")).toMatchObject({ ok: expect.stringContaining("lovage:") as unknown });
    expect(await json("inspect", "query_task", idOf("running"))).toHaveProperty([idOf("running"), 0], "active");
    expect(await json("inspect", "revoked")).toEqual([]);
    expect(await json("inspect", "clock")).toHaveProperty("clock");
  });

  it("control is obeyed, and answered", async () => {
    expect(await json("control", "revoke", "a", "b")).toMatchObject({ ok: expect.stringMatching(/^tasks/) as unknown });
    expect(await json("control", "terminate", "KILL", idOf("running"))).toEqual({
      ok: `terminate: ${idOf("running")}`,
    });
    expect(await json("control", "rate_limit", "proj.add", "10/m")).toEqual({ ok: "new rate limit set successfully" });
    expect(await json("control", "rate_limit", "nosuch", "10/m")).toEqual({ error: "unknown task" });
    expect(await json("control", "time_limit", "proj.add", "5", "10")).toEqual({ ok: "time limits set successfully" });
    expect(await json("control", "add_consumer", "q9")).toEqual({ ok: "add consumer q9" });
    expect(await json("control", "cancel_consumer", "q9")).toEqual({ ok: "no longer consuming from q9" });
    expect(await json("control", "pool_grow", "2")).toEqual({ ok: "pool will grow" });
    expect(await json("control", "pool_shrink", "1")).toEqual({ ok: "pool will shrink" });
    expect(await json("control", "enable_events")).toEqual({ ok: "task events enabled" });
    expect(await json("control", "shutdown")).toEqual({ ok: "shutting down" });
    expect(stage.told).toEqual([
      expect.stringMatching(/^revoke (a,b|b,a) false/),
      `revoke ${idOf("running")} true SIGKILL`,
      "setRateLimit proj.add 10/m",
      "setTimeLimit proj.add 10 5",
      "addQueue q9 q9 direct q9",
      "cancelQueue q9",
      "resizePool 4",
      "resizePool 1",
      "shutdown Got shutdown from remote",
    ]);
  });
});

describe.skipIf(!isReady)("monitors of Python and our events", () => {
  it("celery events prints our heartbeats and tasks", async () => {
    const env = { C_FORCE_ROOT: "1", PYTHONUNBUFFERED: "1" };
    const monitor = await startProgram("/usr/bin/python3", ["-m", "celery", "-b", redis.url, "events", "--dump"], {
      env,
    });
    const lamport = new LamportClock();
    const base = { broker, clock: systemClock, lamport, exchange: "celeryev", enabled: true };
    const events = new EventDispatcher({ ...base, hostname: "w1@stage" });
    const heartbeat = new Heartbeat({
      events,
      clock: systemClock,
      load: () => ({ active: 1, processed: 2 }),
      intervalMs: 200,
    });
    try {
      await heartbeat.start();
      const seen = (text: string): Promise<true> =>
        waitUntil(() => monitor.output().includes(text), { what: text, timeoutMs: 40_000, detail: monitor.output });
      await seen("w1@stage [");
      const task = { uuid: "id-1", name: "proj.add", args: "[2, 3]", kwargs: "{}", root_id: "id-1", parent_id: null };
      events.send("task-received", { ...task, retries: 0, eta: null, expires: null });
      events.send("task-succeeded", { uuid: "id-1", result: "5", runtime: 0.01 });
      await seen("task succeeded: proj.add(id-1) args=[2, 3] kwargs={}");
      await heartbeat.stop();
      await seen("shutdown: active=1");
      expect(monitor.output()).toMatch(/heartbeat: active=1, clock=\d+, .*sw_ident=lovage/);
    } finally {
      await heartbeat.stop();
      await events.stop();
      await monitor.stop("SIGINT");
    }
  });
});

describe.skipIf(!isReady)("our client and a Python worker", () => {
  let worker: CeleryWorker;
  let output: string;
  const folder = temporaryFolder();
  const control = new Control({ broker: async () => broker, conf: new App("client").conf });
  const one = { destination: ["py@h"], timeout: 20 };
  const printed = async (run: () => Promise<number>): Promise<{ code: number; text: string }> => {
    const lines: string[] = [];
    const { write } = process.stdout;
    process.stdout.write = (text: string | Uint8Array): boolean => lines.push(String(text)) > 0;
    try {
      return { code: await run(), text: lines.join("") };
    } finally {
      process.stdout.write = write;
    }
  };
  const options = (): { broker: string; color: boolean; destination: string; timeout: string } => ({
    broker: redis.url,
    color: false,
    destination: "py@h",
    timeout: "20",
  });

  beforeAll(async () => {
    output = folder.file("runs.jsonl");
    const args = ["-n", "py@h", "-E"];
    worker = await startCeleryWorker({
      brokerUrl: redis.url,
      projectDir: sinkFolder,
      app: "sink",
      args,
      env: { OUTPUT: output },
    });
  });

  afterAll(async () => {
    await worker?.stop();
    await folder[Symbol.asyncDispose]();
  });

  it("speak with each other", async () => {
    const inspect = control.inspect(one);
    expect(await inspect.ping()).toEqual({ "py@h": { ok: "pong" } });
    expect((await inspect.registered())["py@h"]).toContain("sink.echo");
    expect(await inspect.active()).toEqual({ "py@h": [] });
    expect((await inspect.stats())["py@h"]).toMatchObject({ pid: worker.pid });
    expect((await inspect.activeQueues())["py@h"]).toMatchObject([{ name: "celery" }]);
    expect((await inspect.conf())["py@h"]).toHaveProperty("task_ignore_result", true);
    const reply = { ...one, reply: true };
    expect(await control.rateLimit("sink.echo", "10/m", reply)).toEqual([
      { "py@h": { ok: "new rate limit set successfully" } },
    ]);
    expect(await control.addConsumer("q9", reply)).toEqual([{ "py@h": { ok: "add consumer q9" } }]);
    expect(await control.cancelConsumer("q9", reply)).toEqual([{ "py@h": { ok: "no longer consuming from q9" } }]);
    expect(await control.timeLimit("sink.echo", { soft: 5, hard: 10 }, reply)).toEqual([
      { "py@h": { ok: "time limits set successfully" } },
    ]);
    expect(await control.poolRestart(reply)).toEqual([
      { "py@h": { error: "ValueError('Pool restarts not enabled')" } },
    ]);
    expect(await control.ping({ pattern: "py@*", limit: 1, timeout: 20 })).toEqual([{ "py@h": { ok: "pong" } }]);
    await control.revoke(["never"]);
    await waitUntil(async () => (await inspect.revoked())["py@h"]?.includes("never"), {
      what: "the revoke to be heard",
    });
  });

  it("our commands print what Celery's print", async () => {
    for (const words of [["ping"], ["registered"], ["query_task", "none"], ["active_queues"], ["scheduled"]] as const) {
      const [method, ...rest] = words;
      const ours = await printed(() => inspectCommand(method, rest, options()));
      const theirs = await celery("inspect", ...words, "-t", "20", "-d", "py@h");
      expect(ours).toEqual({ code: theirs.code, text: theirs.stdout });
    }
    for (const words of [["rate_limit", "nosuch", "1/m"], ["heartbeat"], ["add_consumer", "q7"]] as const) {
      const [method, ...rest] = words;
      const ours = await printed(() => controlCommand(method, rest, options()));
      const theirs = await celery("control", ...words, "-t", "20", "-d", "py@h");
      expect(ours).toEqual({ code: theirs.code, text: theirs.stdout });
    }
    const asJson = await printed(() => inspectCommand("ping", [], { ...options(), json: true }));
    expect(asJson.text).toBe((await celery("inspect", "ping", "-t", "20", "-d", "py@h", "--json")).stdout);
  });

  it("events are read and printed as they come", async () => {
    const heard: TaskEvent[] = [];
    const listener = await broker.listen("celeryev", (envelope) => void heard.push(...readEvents(envelope)));
    const stop = new AbortController();
    const dump = printed(() => eventsCommand({ broker: redis.url, color: false }, stop.signal));
    await control.enableEvents({ ...one, reply: true });
    await waitUntil(
      async () => {
        await control.heartbeat(one);
        return heard.some(({ type }) => type === "worker-heartbeat");
      },
      { what: "a heartbeat of the Python worker", everyMs: 200 },
    );
    stop.abort();
    await listener.close();
    const { code, text } = await dump;
    expect(code).toBe(0);
    expect(text).toMatch(/^py@h \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] heartbeat: /m);
  });

  it("a worker that starts learns from our mailbox what is revoked", async () => {
    await using stage = await startRemoteStage(broker);
    stage.steering.revoke(["from-us"]);
    const mingling = [
      "-m",
      "celery",
      "-A",
      "sink",
      "-b",
      redis.url,
      "worker",
      "--pool",
      "solo",
      "-n",
      "new@h",
      "--without-gossip",
    ];
    const env = {
      BROKER_URL: redis.url,
      RESULT_BACKEND: "",
      OUTPUT: output,
      C_FORCE_ROOT: "1",
      PYTHONDONTWRITEBYTECODE: "1",
    };
    const started = await startProgram("/usr/bin/python3", [...mingling, "-l", "INFO"], { cwd: sinkFolder, env });
    try {
      await waitUntil(() => started.output().includes("ready."), {
        what: "the worker",
        timeoutMs: 60_000,
        detail: started.output,
      });
      expect(started.output()).toContain("mingle: sync complete");
      expect(started.output()).not.toContain("Traceback");
      const revoked = await control.inspect({ destination: ["new@h"], timeout: 20 }).revoked();
      expect(revoked["new@h"]).toContain("from-us");
    } finally {
      await started.stop();
    }
    expect(await readFile(output, "utf8").catch(() => "")).toBe("");
  });

  it("ends when it is told to", async () => {
    await control.shutdown(one);
    await waitUntil(() => worker.exitCode() !== undefined, { what: "the worker to end", timeoutMs: 40_000 });
    expect(worker.exitCode()).toBe(0);
  });
});

describe.skipIf(!isReady)("our commands and nobody at all", () => {
  it("end with Celery's exit code", async () => {
    const nobody = { broker: redis.url, color: false, timeout: 0.1 };
    expect(await inspectCommand("ping", [], nobody)).toBe(69);
    expect(await controlCommand("shutdown", [], nobody)).toBe(69);
    expect((await celery("inspect", "ping", "-t", "0.1")).code).toBe(69);
  });
});
