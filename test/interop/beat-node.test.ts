import { execFile } from "node:child_process";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openDoor } from "../../src/beat/reach/door-bell.ts";
import { createRemoteSteering } from "../../src/beat/reach/remote-steering.ts";
import type { BeatStatus } from "../../src/beat/steer/steering.ts";
import { askBeat } from "../../src/cli/ask-beat.ts";
import { systemClock } from "../../src/clock.ts";
import { type BeatProcess, startBeat, writeFiles } from "../helper/beat-process.ts";
import { type CeleryWorker, startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { type Proxy, startProxy } from "../helper/proxy.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { startProgram } from "../helper/service.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const isReady = requireService("redis") && requireService("celery");
const sinkFolder = fileURLToPath(new URL("../helper/python", import.meta.url));
const node = `beat@${hostname()}`;
const schedule = `
entries:
  tick: {task: sink.echo, schedule: 1h, args: [1], kwargs: {a: "ž"}}
  often: {task: sink.echo, schedule: 1s, args: [2]}
`;

let redis: RedisServer;
let folder: TemporaryFolder;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  if (isReady) redis = await startRedis();
  folder = temporaryFolder();
  await writeFiles(folder.path, { "schedules/all.yaml": schedule });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

afterAll(async () => {
  await redis?.stop();
  await folder?.[Symbol.asyncDispose]();
});

async function beatOn(url: string, record: string, ...more: readonly string[]): Promise<BeatProcess> {
  const beat = await startBeat(["-b", url, "-s", folder.file(record), ...more], folder.path);
  cleanups.push(() => beat.stop());
  return beat;
}

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
const soon = ["-t", "20", "-d", node];

async function statusAtDoor(record: string): Promise<BeatStatus | null> {
  const ask = await openDoor(folder.file(record), { clock: systemClock, timeoutMs: 20_000 });
  return ask === null ? null : createRemoteSteering(ask, { scope: null, label: null }).status();
}

describe.skipIf(!isReady)("a running beat and Celery's tools", () => {
  it("is there for `celery inspect` and `celery status`, and tells what it will send", async () => {
    const beat = await beatOn(redis.url, "seen");
    await beat.saw("leading scope");
    expect(await celery("inspect", "ping", ...soon)).toMatchObject({
      code: 0,
      stdout: `->  ${node}: OK\n        pong\n\n1 node online.\n`,
    });
    const { stdout } = await celery("inspect", "scheduled", ...soon, "--json");
    const [first, ...rest] = (JSON.parse(stdout) as Record<string, Record<string, unknown>[]>)[node] ?? [];
    expect(first).toMatchObject({ eta: expect.stringMatching(/^\d{4}-.*\+00:00$/) as unknown, priority: 6 });
    expect([first, ...rest].map((row) => row?.["request"])).toContainEqual(
      expect.objectContaining({ name: "sink.echo", args: [2], hostname: node }),
    );
    expect((await celery("inspect", "stats", ...soon, "--json")).stdout).toContain('"leads": true');
    expect((await celery("status", "-t", "20", "-d", node)).stdout).toContain(`->  ${node}: OK`);
  });

  it("lives on when all workers are shut down, and tells who shuts it down by name that it will not", async () => {
    const beat = await beatOn(redis.url, "alive");
    await beat.saw("leading scope");
    expect((await celery("control", "shutdown", "-t", "1")).stderr).toContain("No nodes replied");
    expect((await celery("control", "shutdown", ...soon)).stdout).toContain("is a beat and knows no shutdown");
    expect((await celery("inspect", "ping", ...soon)).stdout).toContain("pong");
    expect(beat.exitCode()).toBeUndefined();
  });

  it("is seen by monitors: there, alive, gone", async () => {
    const env = { C_FORCE_ROOT: "1", PYTHONUNBUFFERED: "1" };
    const args = ["-m", "celery", "-b", redis.url, "events", "--dump"];
    const monitor = await startProgram("/usr/bin/python3", args, { env });
    cleanups.push(() => monitor.stop("SIGINT"));
    const seen = (text: string | RegExp): Promise<true> =>
      waitUntil(() => (typeof text === "string" ? monitor.output().includes(text) : text.test(monitor.output())), {
        what: String(text),
        timeoutMs: 40_000,
        detail: monitor.output,
      });
    const beat = await beatOn(redis.url, "monitored", "--hostname", "beat-eu@%h");
    await seen(`beat-eu@${hostname()} [`);
    await seen(/heartbeat: active=0, clock=\d+, .*processed=[1-9]\d*, sw_ident=lovage/);
    await beat.stop("SIGTERM");
    await seen(/shutdown: active=0/);
  });

  it("does not disturb Python workers, nor is disturbed by them", async () => {
    const beat = await beatOn(redis.url, "mixed");
    await beat.saw("leading scope");
    const worker: CeleryWorker = await startCeleryWorker({
      brokerUrl: redis.url,
      projectDir: sinkFolder,
      app: "sink",
      args: ["-n", "py@h"],
      env: { OUTPUT: folder.file("runs.jsonl") },
    });
    cleanups.push(() => worker.stop());
    const asked = await askBeat({ broker: redis.url, remote: true, color: false, timeout: 5 });
    cleanups.push(() => asked?.close());
    expect(asked).toMatchObject({
      via: "broker",
      status: { scope: "lovage", leads: true, record: folder.file("mixed") },
    });
    expect(await asked?.steering.show("tick")).toMatchObject({ entry: "tick", task: "sink.echo", timezone: "UTC" });
    await expect(asked?.steering.show("tock")).rejects.toMatchObject({ code: "usage" });
    expect((await celery("inspect", "ping", "-t", "5")).stdout).toContain("2 nodes online.");
    expect(worker.output()).not.toMatch(/beat_|ERROR|Traceback/);
  });

  it("is not there over the broker with --without-remote, and still at the door of its record", async () => {
    const beat = await beatOn(redis.url, "shut", "--without-remote");
    await beat.saw("leading scope");
    expect((await celery("inspect", "ping", "-t", "2")).stderr).toContain("No nodes replied");
    expect(await statusAtDoor("shut")).toMatchObject({ leads: true, record: folder.file("shut") });
  });

  it("refuses a name that could be a worker's before it begins", async () => {
    const beat = await beatOn(redis.url, "misnamed", "--hostname", "celery@%h");
    await waitUntil(() => beat.exitCode() !== undefined, { what: "beat to end", timeoutMs: 20_000 });
    expect(beat.exitCode()).toBe(1);
    expect(beat.output()).toContain("a beat's name begins with beat");
  });
});

describe.skipIf(!isReady)("a running beat and a broker that comes and goes", () => {
  let proxy: Proxy;

  beforeAll(async () => {
    proxy = await startProxy({ host: "127.0.0.1", port: redis.port });
  });

  afterAll(() => proxy?.close());

  const pongs = async (): Promise<boolean> => (await celery("inspect", "ping", "-t", "2", "-d", node)).code === 0;

  it("starts without it and is heard when it is back, each time; its door is open all along", async () => {
    proxy.refuse();
    proxy.cut();
    const beat = await beatOn(`redis://127.0.0.1:${proxy.port}/0`, "away");
    await waitUntil(() => statusAtDoor("away"), { what: "the door", timeoutMs: 20_000, detail: beat.output });
    expect(await statusAtDoor("away")).toMatchObject({ leads: false, leader: null });
    proxy.heal();
    await beat.saw("leading scope", 40_000);
    await waitUntil(pongs, { what: "beat to answer", timeoutMs: 60_000, detail: beat.output });
    proxy.refuse();
    proxy.cut();
    await beat.saw(/Connection to .* lost/, 20_000);
    expect(await statusAtDoor("away")).not.toBeNull();
    proxy.heal();
    await waitUntil(pongs, { what: "beat to answer again", timeoutMs: 60_000, detail: beat.output });
    expect(beat.output().match(/remote control/g)?.length ?? 0).toBeLessThanOrEqual(2);
  });

  it("stops within its second while the broker hangs", async () => {
    const beat = await beatOn(`redis://127.0.0.1:${proxy.port}/0`, "stalled");
    await beat.saw("leading scope", 40_000);
    await waitUntil(pongs, { what: "beat to answer", timeoutMs: 60_000, detail: beat.output });
    proxy.stall();
    const startedAt = systemClock.monotonic();
    await beat.stop("SIGTERM");
    expect(beat.exitCode()).toBe(0);
    expect(systemClock.monotonic() - startedAt).toBeLessThan(4000);
    proxy.heal();
  });
});

describe.skipIf(!isReady)("a beat that was killed", () => {
  it("leaves a door that is known to be shut, and the next one opens it again", async () => {
    const killed = await beatOn(redis.url, "killed");
    await killed.saw("leading scope");
    const before = await statusAtDoor("killed");
    await killed.stop("SIGKILL");
    expect(await statusAtDoor("killed")).toBeNull();
    const next = await beatOn(redis.url, "killed");
    await next.saw("leading scope", 30_000);
    const status = await statusAtDoor("killed");
    expect(status).toMatchObject({ leads: true });
    expect(status?.label).not.toBe(before?.label);
  });
});
