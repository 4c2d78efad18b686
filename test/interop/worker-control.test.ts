// The real `celery` command of Python looks into our worker and steers it, while it works.
import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { openBroker } from "../../src/broker/open.ts";
import type { Broker, Listener } from "../../src/index.ts";
import { readEvents, type TaskEvent } from "../../src/protocol/task-event.ts";
import { linkPackage, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorker, type WorkerProcess } from "../helper/worker-process.ts";

const node = "w1@stage";

const project = `
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "lovage";
export const app = new App("proj");
app.task("proj.add", (x, y) => x + y, { rateLimit: "100/s" });
app.task("proj.sleep", (seconds) => sleep(seconds * 1000));
`;

interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(!requireService("redis") || !requireService("celery"))("our worker, asked by Python's celery", () => {
  let server: RedisServer;
  let folder: TemporaryFolder;
  let worker: WorkerProcess;
  let app: App;
  let broker: Broker;
  let listener: Listener;
  const events: TaskEvent[] = [];

  beforeAll(async () => {
    server = await startRedis();
    folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, { "proj.mjs": project });
    app = new App("proj", { broker: server.url, backend: server.url });
    broker = await openBroker(server.url);
    listener = await broker.listen("celeryev", (envelope) => void events.push(...readEvents(envelope)));
    const urls = ["-b", server.url, "--result-backend", server.url];
    worker = await startWorker(["-A", "proj", "-c", "2", "-n", "w1@stage", "-E", ...urls], folder.path);
    await worker.saw("ready.");
  });
  afterAll(async () => {
    await worker.stop();
    await listener.close();
    await broker.close();
    await app.close();
    await folder[Symbol.asyncDispose]();
    await server.stop();
  });

  /** The real command, without any project. One answer from one node ends the wait at once. */
  function celery(...words: readonly string[]): Promise<Told> {
    const args = ["-m", "celery", "-b", server.url, "--no-color", ...words, "-t", "20", "-d", node];
    return new Promise((resolve) => {
      execFile("/usr/bin/python3", args, { env: { ...process.env, C_FORCE_ROOT: "1" } }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        resolve({ code, stdout, stderr });
      });
    });
  }

  async function inspect(...words: readonly string[]): Promise<unknown> {
    const { stdout, stderr, code } = await celery("inspect", ...words, "--json");
    expect({ stderr, code }, worker.output()).toEqual({ stderr: "", code: 0 });
    const answers = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
    return answers[node];
  }

  async function control(...words: readonly string[]): Promise<string> {
    const { stdout, stderr, code } = await celery("control", ...words);
    expect({ stderr, code }, worker.output()).toEqual({ stderr: "", code: 0 });
    return stdout;
  }

  it("answers ping, and tells its tasks, queues and settings", async () => {
    expect(await inspect("ping")).toEqual({ ok: "pong" });
    expect(await inspect("registered")).toEqual(["proj.add [rate_limit=100/s]", "proj.sleep"]);
    expect(await inspect("active_queues")).toMatchObject([{ name: "celery", routing_key: "celery" }]);
    expect(await inspect("conf")).toMatchObject({ broker_url: server.url });
    expect(JSON.stringify(await inspect("report"))).toContain("lovage");
  });

  it("shows what runs, what waits for its eta and what waits for a slot", async () => {
    const running = [await app.sendTask("proj.sleep", [8]), await app.sendTask("proj.sleep", [8])];
    const later = await app.sendTask("proj.add", [1, 1], {}, { countdown: 300 });
    await waitUntil(() => worker.output().split("] received").length > 3, { what: "three tasks" });
    const waiting = await app.sendTask("proj.add", [2, 2]);
    await waitUntil(() => worker.output().includes(`${waiting.id}] received`), { what: "the fourth" });
    const active = (await inspect("active")) as readonly { id: string; worker_pid: number; acknowledged: boolean }[];
    expect(active.map(({ id }) => id).toSorted()).toEqual(running.map(({ id }) => id).toSorted());
    for (const { worker_pid: pid, acknowledged } of active) {
      expect(pid).toBeGreaterThan(1);
      expect(acknowledged).toBe(true);
    }
    expect(await inspect("scheduled")).toMatchObject([{ request: { id: later.id, name: "proj.add" } }]);
    expect(await inspect("reserved")).toMatchObject([{ id: waiting.id, acknowledged: false }]);
    const found = (await inspect("query_task", later.id, running[0]?.id ?? "")) as Record<string, readonly unknown[]>;
    // Celery calls it so: in hand, and not yet in line for a slot.
    expect(found[later.id]?.[0]).toBe("ready");
    expect(found[running[0]?.id ?? ""]?.[0]).toBe("active");
    expect(await inspect("stats")).toMatchObject({ total: { "proj.sleep": 2 }, pool: { "max-concurrency": 2 } });
  });

  it("revokes what waits, and ends what runs", async () => {
    const later = await app.sendTask("proj.add", [1, 1], {}, { countdown: 300 });
    const running = await app.sendTask("proj.sleep", [60]);
    await waitUntil(async () => JSON.stringify(await inspect("active")).includes(running.id), {
      what: "it to run",
      timeoutMs: 30_000,
    });
    await control("revoke", later.id);
    expect(await later.state()).toBe("REVOKED");
    await control("terminate", "SIGKILL", running.id);
    await expect(running.get({ timeout: 20 })).rejects.toThrow("terminated");
    expect(JSON.stringify(await inspect("revoked"))).toContain(later.id);
  });

  it("takes new limits, queues and a new size", async () => {
    expect(await control("rate_limit", "proj.add", "10/m")).toContain("new rate limit set successfully");
    expect(await inspect("registered")).toContain("proj.add [rate_limit=10/m]");
    await control("rate_limit", "proj.add", "0");
    expect(await control("time_limit", "proj.sleep", "1", "1")).toContain("time limits set successfully");
    const limited = await app.sendTask("proj.sleep", [30]);
    await expect(limited.get({ timeout: 20 })).rejects.toThrow();
    await control("time_limit", "proj.sleep", "0", "0");
    await control("add_consumer", "extra");
    const extra = await app.sendTask("proj.add", [20, 22], {}, { queue: "extra" });
    expect(await extra.get({ timeout: 20 })).toBe(42);
    await control("cancel_consumer", "extra");
    expect(await inspect("active_queues")).toHaveLength(1);
    await control("pool_grow", "2");
    await waitUntil(async () => JSON.stringify(await inspect("stats")).includes('"max-concurrency":4'), {
      what: "four",
    });
    await control("pool_shrink", "3");
    await waitUntil(async () => JSON.stringify(await inspect("stats")).includes('"max-concurrency":1'), {
      what: "one",
    });
  });

  it("tells monitors what happens to a task, until it is asked to be silent", async () => {
    const { id } = await app.sendTask("proj.add", [1, 2]);
    const typesOf = (uuid: string): string[] =>
      events.filter((event) => event["uuid"] === uuid).map((event) => event.type);
    await waitUntil(() => typesOf(id).length === 3, { what: "its events" });
    expect(typesOf(id)).toEqual(["task-received", "task-started", "task-succeeded"]);
    expect(events.some((event) => event["type"] === "worker-heartbeat" && event["hostname"] === node)).toBe(true);
    await control("disable_events");
    const silent = await app.sendTask("proj.add", [1, 2]);
    await silent.get({ timeout: 20 });
    await control("enable_events");
    const heard = await app.sendTask("proj.add", [1, 2]);
    await waitUntil(() => typesOf(heard.id).length === 3, { what: "events again" });
    expect(typesOf(silent.id)).toEqual([]);
  });

  it("ends warmly when told to shut down, and says goodbye to monitors", async () => {
    await celery("control", "shutdown");
    expect(await worker.ended()).toBe(0);
    await waitUntil(() => events.some((event) => event["type"] === "worker-offline"), { what: "worker-offline" });
  });
});
