import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Control } from "../../src/app/control.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { commandEnvelope } from "../../src/protocol/control.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { idOf } from "../helper/envelope.ts";
import { type RemoteStage, type RemoteStageOptions, startRemoteStage } from "../helper/remote-stage.ts";
import { waitUntil } from "../helper/wait.ts";

const remote = new URL("../fixtures/wire/remote.json", import.meta.url);
const { answers } = JSON.parse(readFileSync(remote, "utf8")) as {
  readonly answers: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
};
const celeryAnswer = (name: string): unknown => answers["526"]?.[name]?.["cap@testhost"];

let broker: MemoryBroker;
const stages: RemoteStage[] = [];

beforeEach(() => {
  broker = new MemoryBroker();
});

afterEach(async () => {
  for (const stage of stages.splice(0)) await stage[Symbol.asyncDispose]();
  await broker.close();
});

async function startStage(options: RemoteStageOptions = {}): Promise<RemoteStage> {
  const stage = await startRemoteStage(broker, options);
  stages.push(stage);
  return stage;
}

/** What the one worker of the stage says. */
async function ask(
  stage: RemoteStage,
  command: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const client = new Control({ broker: async () => broker, conf: stage.app.conf });
  const replies = await client.broadcast(command, args, { reply: true, limit: 1, timeout: 5 });
  expect(replies.length).toBe(1);
  return replies[0]?.[stage.steering.hostname];
}

const keysOf = (value: unknown): readonly string[] => Object.keys(value as object);

describe("inspect", () => {
  it("ping is answered", async () => {
    expect(await ask(await startStage(), "ping")).toEqual({ ok: "pong" });
  });

  it("active has what Celery shows of a task, under the same names", async () => {
    const stage = await startStage();
    const [task] = (await ask(stage, "active")) as readonly Record<string, unknown>[];
    expect(task).toEqual({
      id: idOf("running"),
      name: "proj.add",
      args: [2, { deep: "ž" }],
      kwargs: {},
      type: "proj.add",
      hostname: "w1@stage",
      time_start: 1_795_252_821.2815,
      acknowledged: true,
      delivery_info: { exchange: "", routing_key: "celery", priority: 0, redelivered: false },
      worker_pid: 9105,
    });
    const [captured] = celeryAnswer("36_inspect_active") as readonly unknown[];
    expect(keysOf(task)).toEqual(keysOf(captured));
    expect(await ask(stage, "dump_active", { safe: true })).toMatchObject([{ args: '[2,{"deep":"ž"}]', kwargs: "{}" }]);
  });

  it("reserved and scheduled have the others, and revoked what was revoked", async () => {
    const stage = await startStage();
    expect(await ask(stage, "reserved")).toMatchObject([
      { id: idOf("waiting"), time_start: null, worker_pid: null, delivery_info: { priority: 3 } },
    ]);
    const scheduled = await ask(stage, "scheduled");
    expect(scheduled).toMatchObject([
      { eta: "2026-11-21T09:20:32.538283+00:00", priority: 6, request: { id: idOf("later") } },
    ]);
    const [captured] = celeryAnswer("37_inspect_scheduled") as readonly unknown[];
    expect(keysOf((scheduled as readonly unknown[])[0])).toEqual(keysOf(captured));
    stage.steering.revoke(["a", "b"]);
    expect(await ask(stage, "revoked")).toEqual(["a", "b"]);
  });

  it("registered has names with their attributes, and Celery's own tasks only when asked", async () => {
    const stage = await startStage();
    expect(await ask(stage, "registered")).toEqual(["proj.add [rate_limit=5/s]", "proj.nothing"]);
    expect(await ask(stage, "registered", { builtins: true })).toContain("celery.internal");
    expect(
      await ask(stage, "registered", { taskinfoitems: ["max_retries", "serializer", "acks_late", "nosuch"] }),
    ).toEqual([
      "proj.add [max_retries=7 serializer=json acks_late=False]",
      "proj.nothing [max_retries=3 serializer=json acks_late=False]",
    ]);
  });

  it("query_task has the state of what is in hand, and nothing of what is not", async () => {
    const stage = await startStage();
    const ids = ["running", "waiting", "later", "unknown"].map(idOf);
    const found = (await ask(stage, "query_task", { ids })) as Record<string, [string, { id: string }]>;
    expect(Object.entries(found).map(([id, [state, info]]) => [id === info.id, state])).toEqual([
      [true, "active"],
      [true, "reserved"],
      [true, "ready"],
    ]);
    expect(await ask(stage, "query_task", { ids: idOf("running") })).toHaveProperty([idOf("running"), 0], "active");
  });

  it("stats has all that Celery's has", async () => {
    const stats = (await ask(await startStage(), "stats")) as Record<string, Record<string, unknown>>;
    const captured = celeryAnswer("38_inspect_stats") as Record<string, Record<string, unknown>>;
    expect(keysOf(stats)).toEqual(keysOf(captured));
    expect(keysOf(stats["broker"])).toEqual(expect.arrayContaining([...keysOf(captured["broker"])]));
    expect(keysOf(stats["rusage"])).toEqual(keysOf(captured["rusage"]));
    expect(stats).toMatchObject({ total: { "proj.add": 12 }, pid: process.pid, uptime: 97, prefetch_count: 8 });
    expect(stats["pool"]).toMatchObject({ "max-concurrency": 2, processes: [11, 12] });
    expect(stats["clock"]).toMatch(/^\d+$/);
  });

  it("active_queues has all the keys of kombu's queues", async () => {
    expect(await ask(await startStage(), "active_queues")).toEqual(celeryAnswer("40_inspect_active_queues"));
  });

  it("conf has what was set, in Celery's names, with secrets covered", async () => {
    const settings = {
      broker: "redis://user:hunter2@localhost:6379/0",
      backend: "redis://:hunter2@localhost/1;redis://:hunter2@other/1",
      brokerTransportOptions: { sentinel_kwargs: { password: "hunter2" }, visibility_timeout: 10 },
      beatSchedule: { hourly: { task: "proj.add", schedule: 3600 } },
      taskRoutes: [() => null],
      timezone: "Europe/Berlin",
    };
    const stage = await startStage({ settings });
    const conf = await ask(stage, "conf");
    expect(JSON.stringify(conf)).not.toContain("hunter2");
    expect(conf).toMatchObject({
      broker_url: "redis://user:***@localhost:6379/0",
      broker_transport_options: { sentinel_kwargs: { password: "********" }, visibility_timeout: 10 },
      beat_schedule: { hourly: { task: "proj.add", schedule: 3600 } },
      timezone: "Europe/Berlin",
    });
    expect(conf).not.toHaveProperty("worker_prefetch_multiplier");
    expect(await ask(stage, "conf", { with_defaults: true })).toMatchObject({ worker_prefetch_multiplier: 4 });
    const { ok } = (await ask(stage, "report")) as { ok: string };
    expect(ok).toContain("software -> lovage:");
    expect(ok).toContain("broker_url: 'redis://user:***@localhost:6379/0'");
    expect(ok).not.toContain("hunter2");
  });

  it("clock moves on with each command, and past the clock of whoever asks", async () => {
    const stage = await startStage();
    const { clock: first } = (await ask(stage, "clock")) as { clock: number };
    const envelope = ping({ clock: 5000, expiresAt: null });
    await broker.publish([envelope]);
    const { clock: second } = (await ask(stage, "clock")) as { clock: number };
    expect(second).toBeGreaterThan(5000);
    expect(first).toBeLessThan(10);
  });

  it("hello tells a Python worker what is revoked, with times that it takes, and learns what it knows", async () => {
    const stage = await startStage();
    stage.steering.revoke(["mine"]);
    const told = { theirs: [1_795_252_734.25, "theirs"] };
    const { revoked, clock } = (await ask(stage, "hello", { from_node: "py@h", revoked: told })) as {
      revoked: Record<string, [number, string]>;
      clock: number;
    };
    expect(keysOf(revoked)).toEqual(["mine", "theirs"]);
    expect(revoked["mine"]![1]).toBe("mine");
    expect(Number.isInteger(revoked["mine"]![0])).toBe(false);
    expect(clock).toBeGreaterThan(0);
    expect(await ask(stage, "hello", { from_node: "w1@stage", revoked: {} })).toBeNull();
  });

  it("memsample tells the memory; what only Python has says so", async () => {
    const stage = await startStage();
    expect(await ask(stage, "memsample")).toMatch(/^\d+\.\d\dMB$/);
    for (const command of ["memdump", "objgraph"]) {
      expect(await ask(stage, command)).toMatchObject({
        error: expect.stringContaining("of Python workers") as unknown,
      });
    }
  });
});

describe("control", () => {
  it("revoke flags one task or several, each once", async () => {
    const stage = await startStage();
    expect(await ask(stage, "revoke", { task_id: "a", terminate: false, signal: "SIGTERM" })).toEqual({
      ok: "tasks a flagged as revoked",
    });
    expect(await ask(stage, "revoke", { task_id: ["a", "b", "a"] })).toEqual({ ok: "tasks a, b flagged as revoked" });
    expect(stage.told).toEqual(["revoke a false ", "revoke a,b false "]);
  });

  it("terminate ends what runs, by the signal that is named", async () => {
    const stage = await startStage();
    const id = idOf("running");
    expect(await ask(stage, "revoke", { task_id: [id, "x"], terminate: true, signal: "SIGKILL" })).toEqual({
      ok: `terminate: ${id}`,
    });
    expect(await ask(stage, "terminate", { task_id: ["x"], signal: "usr1" })).toEqual({
      ok: "terminate: tasks unknown",
    });
    expect(await ask(stage, "terminate", { task_id: ["x"], signal: 9 })).toEqual({ ok: "terminate: tasks unknown" });
    expect(await ask(stage, "terminate", { task_id: ["x"], signal: "nosuch" })).toEqual({
      error: "no signal nosuch (write a name such as SIGTERM or KILL)",
    });
    expect(stage.told).toEqual([`revoke ${id},x true SIGKILL`, "revoke x true SIGUSR1", "revoke x true SIGKILL"]);
    expect(await ask(stage, "revoke_by_stamped_headers", { headers: {} })).toHaveProperty("error");
  });

  it("rate_limit and time_limit change a task, and say so when there is none", async () => {
    const stage = await startStage();
    const rate = (task: string, limit: unknown): Promise<unknown> =>
      ask(stage, "rate_limit", { task_name: task, rate_limit: limit });
    expect(await rate("proj.add", "10/m")).toEqual({ ok: "new rate limit set successfully" });
    expect(await ask(stage, "registered")).toContain("proj.add [rate_limit=10/m]");
    expect(await rate("proj.add", null)).toEqual({ ok: "rate limit disabled successfully" });
    expect(await rate("nosuch", "1/s")).toEqual({ error: "unknown task" });
    expect(await rate("proj.add", "often")).toEqual({
      error: "Invalid rate limit string: ValueError('often is no rate')",
    });
    expect(await ask(stage, "time_limit", { task_name: "proj.add", hard: 10, soft: 5.5 })).toEqual({
      ok: "time limits set successfully",
    });
    expect(await ask(stage, "time_limit", { task_name: "nosuch", hard: 1, soft: null })).toEqual({
      error: "unknown task",
    });
    expect(stage.told).toContain("setTimeLimit proj.add 10 5.5");
  });

  it("add_consumer and cancel_consumer change the queues", async () => {
    const stage = await startStage();
    expect(await ask(stage, "add_consumer", { queue: "q9", exchange: null, routing_key: null })).toEqual({
      ok: "add consumer q9",
    });
    const exchange = { exchange: "x", exchange_type: "topic", routing_key: "a.#" };
    expect(await ask(stage, "add_consumer", { queue: "q8", ...exchange })).toEqual({ ok: "add consumer q8" });
    expect(await ask(stage, "active_queues")).toMatchObject([{ name: "celery" }, { name: "q9" }, { name: "q8" }]);
    expect(await ask(stage, "cancel_consumer", { queue: "q9" })).toEqual({ ok: "no longer consuming from q9" });
    expect(await ask(stage, "add_consumer", { queue: "q", exchange_type: "odd" })).toHaveProperty("error");
    expect(stage.told).toEqual(["addQueue q9 q9 direct q9", "addQueue q8 x topic a.#", "cancelQueue q9"]);
  });

  it("pool_grow and pool_shrink change the pool, unless it scales by itself", async () => {
    const stage = await startStage();
    expect(await ask(stage, "pool_grow", { n: 3 })).toEqual({ ok: "pool will grow" });
    expect(await ask(stage, "pool_shrink", {})).toEqual({ ok: "pool will shrink" });
    expect(await ask(stage, "pool_shrink", { n: 2 })).toEqual({ error: "the pool has 2 and needs at least one" });
    expect(await ask(stage, "autoscale", { max: 4, min: 1 })).toEqual({ error: "ValueError('Autoscale not enabled')" });
    expect(stage.told).toEqual(["resizePool 5", "resizePool 1"]);
  });

  it("autoscale changes the range of a pool that scales by itself", async () => {
    const stage = await startStage({ autoscale: { max: 4, min: 2 } });
    expect(await ask(stage, "pool_grow", { n: 1 })).toEqual({
      error: "pool_grow is not supported with autoscale. Adjust autoscale range instead.",
    });
    expect(await ask(stage, "autoscale", { max: 8 })).toEqual({ ok: "autoscale now max=8 min=2" });
    expect(await ask(stage, "autoscale", { max: 1 })).toEqual({ ok: "autoscale now max=1 min=1" });
    expect(await ask(stage, "autoscale", { max: 1, min: 2 })).toHaveProperty("error");
    expect(stage.told).toEqual(["setAutoscale 8 2", "setAutoscale 1 1"]);
  });

  it("pool_restart is for those who allowed it", async () => {
    const plain = await startStage();
    expect(await ask(plain, "pool_restart")).toEqual({ error: "ValueError('Pool restarts not enabled')" });
    await plain[Symbol.asyncDispose]();
    const stage = await startStage({ settings: { workerPoolRestarts: true } });
    expect(await ask(stage, "pool_restart", { modules: null, reload: false })).toEqual({ ok: "reload started" });
    expect(await ask(stage, "pool_restart", { reload: true })).toHaveProperty("error");
    expect(stage.told).toEqual(["restart"]);
  });

  it("enable_events, disable_events and heartbeat speak to monitors", async () => {
    const stage = await startStage();
    expect(await ask(stage, "disable_events")).toEqual({ ok: "task events already disabled" });
    expect(await ask(stage, "enable_events")).toEqual({ ok: "task events enabled" });
    expect(await ask(stage, "enable_events")).toEqual({ ok: "task events already enabled" });
    expect(await ask(stage, "disable_events")).toEqual({ ok: "task events disabled" });
    expect(await ask(stage, "heartbeat")).toBeNull();
    expect(stage.monitored).toEqual(["worker-heartbeat"]);
    expect(await ask(stage, "election", { id: "1", topic: "t" })).toBeNull();
  });

  it("shutdown begins one", async () => {
    const stage = await startStage();
    expect(await ask(stage, "shutdown")).toEqual({ ok: "shutting down" });
    expect(stage.told).toEqual(["shutdown Got shutdown from remote"]);
  });

  it("is told in the log, with what it asked and what came of it; questions are not", async () => {
    const stage = await startStage();
    await ask(stage, "rate_limit", { task_name: "proj.add", rate_limit: "10/m" });
    await ask(stage, "ping");
    expect(stage.log).toEqual([
      {
        type: "control-received",
        command: "rate_limit(task_name='proj.add', rate_limit='10/m')",
        outcome: "new rate limit set successfully",
      },
    ]);
  });
});

function ping({ clock = 1, expiresAt }: { clock?: number; expiresAt: number | null }): Envelope {
  const command = { method: "heartbeat", arguments: {}, destination: null, pattern: null, matcher: null, reply: null };
  return commandEnvelope(command, { namespace: "celery", clock, expiresAt });
}

describe("the mailbox", () => {
  it("answers an unknown command as Celery does", async () => {
    expect(await ask(await startStage(), "nosuch")).toEqual({ error: "KeyError('nosuch')" });
    expect(await ask(stages[0]!, "constructor")).toEqual({ error: "KeyError('constructor')" });
  });

  it("answers a command that fails, and wrong arguments, with an error; the next one is obeyed", async () => {
    const stage = await startStage({ broken: ["resizePool", "shutdown", "addQueue"] });
    const error = (method: string): unknown => ({ error: `${method} is broken (mend it)` });
    expect(await ask(stage, "pool_grow", { n: 1 })).toEqual(error("resizePool"));
    expect(await ask(stage, "shutdown")).toEqual(error("shutdown"));
    expect(await ask(stage, "add_consumer", { queue: "q" })).toEqual(error("addQueue"));
    expect(await ask(stage, "add_consumer")).toEqual({ error: "the argument queue should be text" });
    expect(await ask(stage, "pool_grow", { n: "many" })).toEqual({
      error: "the argument n should be a number from 0 on",
    });
    expect(await ask(stage, "pool_grow", { n: 0.5 })).toEqual({ error: "the argument n should be a whole number" });
    expect(await ask(stage, "revoke", { task_id: [{}] })).toHaveProperty("error");
    expect(await ask(stage, "ping")).toEqual({ ok: "pong" });
  });

  it("passes over what is no command, and says so", async () => {
    const stage = await startStage();
    await broker.publish([{ ...ping({ expiresAt: null }), body: "nonsense" }]);
    await broker.publish([{ ...ping({ expiresAt: null }), contentType: "application/x-python-serialize" }]);
    expect(await ask(stage, "ping")).toEqual({ ok: "pong" });
    expect(stage.log.map((event) => event.type)).toEqual(["failure", "failure"]);
    expect(stage.log[1]).toMatchObject({ where: "control", reason: expect.stringContaining("pickle") as unknown });
  });

  it("does not obey what nobody waits for any more, with a minute's grace for clocks that differ", async () => {
    const stage = await startStage();
    await broker.publish([ping({ expiresAt: Date.now() - 120_000 })]);
    expect(await ask(stage, "ping")).toEqual({ ok: "pong" });
    expect(stage.monitored).toEqual([]);
    await broker.publish([ping({ expiresAt: Date.now() - 2000 })]);
    await waitUntil(() => stage.monitored.length === 1, { what: "the heartbeat that was asked for" });
  });

  it("leaves alone what is for others", async () => {
    const first = await startStage();
    const second = await startStage({ hostname: "w2@stage" });
    const client = new Control({ broker: async () => broker, conf: first.app.conf });
    expect(await client.ping({ destination: ["w2@stage"], timeout: 5 })).toEqual([{ "w2@stage": { ok: "pong" } }]);
    expect(await client.ping({ pattern: "w1@*", limit: 1, timeout: 5 })).toEqual([{ "w1@stage": { ok: "pong" } }]);
    expect((await client.ping({ limit: 2, timeout: 5 })).length).toBe(2);
    await client.shutdown({ destination: "w2@stage", reply: true });
    expect([first.told, second.told]).toEqual([[], ["shutdown Got shutdown from remote"]]);
  });

  it("hears nothing once it has stopped, before it began, or twice", async () => {
    const stage = await startStage();
    await stage.control.start();
    await stage.control.stop();
    await stage.control.stop();
    const client = new Control({ broker: async () => broker, conf: stage.app.conf });
    expect(await client.ping({ timeout: 0.05 })).toEqual([]);
  });
});
