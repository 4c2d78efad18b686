// How many no-op tasks a second, how long from publish to done, how much memory? Our worker by pool and concurrency, and
// Python Celery beside it, in one run, on a redis-server of their own. Both take the same messages and keep every result;
// a task is done when its result is in Redis.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Redis } from "ioredis";
import { encodeMessage } from "../src/protocol/kombu.ts";
import { createEnvelope } from "../src/protocol/task.ts";
import { linkPackage } from "../test/helper/beat-process.ts";
import { type RedisServer, startRedis } from "../test/helper/redis.ts";
import { type RunningProgram, startProgram } from "../test/helper/service.ts";
import { temporaryFolder } from "../test/helper/temporary-folder.ts";
import { waitUntil } from "../test/helper/wait.ts";
import { dist } from "./stage/contestants.ts";
import { cpuMs, residentMiB } from "./stage/process-cost.ts";
import { quantile } from "./stage/statistics.ts";
import { printTable, progress, type Row, span, whole } from "./stage/table.ts";

interface Contestant {
  readonly who: "lovage" | "celery";
  readonly pool: "prefork" | "async" | "solo";
  readonly concurrency: number;
}

const contestants: readonly Contestant[] = [
  { who: "lovage", pool: "solo", concurrency: 1 },
  { who: "lovage", pool: "async", concurrency: 10 },
  { who: "lovage", pool: "async", concurrency: 100 },
  { who: "lovage", pool: "prefork", concurrency: 2 },
  { who: "lovage", pool: "prefork", concurrency: 4 },
  { who: "celery", pool: "prefork", concurrency: 2 },
  { who: "celery", pool: "prefork", concurrency: 4 },
];

/** Either number may be 0; what follows are rows of the list above, all unless given. */
const [tasks = 20_000, memoryTasks = 200_000, ...rows] = process.argv.slice(2).map(Number);
const chosen = contestants.filter((_, index) => rows.length === 0 || rows.includes(index));
const warmUpTasks = 10_000;
const pacedPerSecond = 200;
const pacedTasks = 2000;
const memorySamples = 5;
const resultKey = "celery-task-meta-";

const table: Row[] = [];
for (const contestant of chosen) {
  const { who, pool, concurrency } = contestant;
  const worker = `${who} ${pool}, ${concurrency}`;
  progress(worker);
  table.push({ worker, ...(await onStage(contestant, measure)) });
}
table.push({ worker: "limit: no worker, a PUBLISH that comes back", ...(await measureFloor()) });
printTable(table);

async function measure(stage: Stage): Promise<Row> {
  return { ...(tasks > 0 ? await measureSpeed(stage) : {}), ...(memoryTasks > 0 ? await measureMemory(stage) : {}) };
}

interface Stage {
  readonly redis: RedisServer;
  /** The database of the queue. */
  readonly broker: Redis;
  /** The database of the results, which holds one key for each task that is done. */
  readonly results: Redis;
  readonly worker: RunningProgram;
}

async function measureSpeed(stage: Stage): Promise<Row> {
  await runPrefilled(stage, warmUpTasks);
  const cpuBefore = cpuMs(stage.worker.pid);
  const redisBefore = cpuMs(stage.redis.pid);
  const runMs = await runPrefilled(stage, tasks);
  const cpu = cpuMs(stage.worker.pid) - cpuBefore;
  const redisCpu = cpuMs(stage.redis.pid) - redisBefore;
  const { redis, broker, worker } = stage;
  const latencies = await runPaced(redis, (_, text) => broker.lpush("celery", text), worker.output);
  return {
    "tasks/s": whole((tasks / runMs) * 1000),
    "CPU us/task": whole((cpu / tasks) * 1000),
    "Redis us/task": whole((redisCpu / tasks) * 1000),
    ...quantiles(latencies),
    MiB: whole(residentMiB(stage.worker.pid)),
  };
}

/** What the machine and this program add by themselves to the latencies of the table. */
async function measureFloor(): Promise<Row> {
  await using redis = await startRedis();
  const client = redis.client();
  return quantiles(await runPaced(redis, (id, text) => client.publish(resultKey + id, text), redis.output));
}

function quantiles(latencies: readonly number[]): Row {
  return { p50: span(quantile(latencies, 0.5)), p99: span(quantile(latencies, 0.99)) };
}

/** Whether it grows: resident memory after each fifth of many tasks. */
async function measureMemory(stage: Stage): Promise<Row> {
  const samples: string[] = [];
  for (let sample = 1; sample <= memorySamples; sample += 1) {
    await runPrefilled(stage, Math.round(memoryTasks / memorySamples));
    samples.push(whole(residentMiB(stage.worker.pid)));
  }
  return { [`MiB over ${whole(memoryTasks)} more`]: samples.join(", ") };
}

/** Puts all tasks into the queue at one stroke; resolves with the milliseconds until the last result is there. */
async function runPrefilled({ redis, broker, results, worker }: Stage, count: number): Promise<number> {
  await results.flushdb();
  for (let filled = 0; filled < count; filled += 1000) {
    await broker.lpush("staging", ...Array.from({ length: Math.min(1000, count - filled) }, () => message().text));
  }
  const startedAt = performance.now();
  await broker.rename("staging", "celery");
  await waitUntil(async () => (await results.dbsize()) >= count, {
    what: `${count} results`,
    timeoutMs: 600_000,
    everyMs: 5,
    detail: () => worker.output() + redis.output(),
  });
  return performance.now() - startedAt;
}

/** One task every few milliseconds; gives the milliseconds from publish to the result's PUBLISH. */
async function runPaced(
  redis: RedisServer,
  publish: (id: string, text: string) => Promise<unknown>,
  detail: () => string,
): Promise<readonly number[]> {
  const subscriber = redis.client();
  const publishedAt = new Map<string, number>();
  const latencies: number[] = [];
  subscriber.on("pmessage", (_pattern: string, channel: string) => {
    const id = channel.slice(resultKey.length);
    const at = publishedAt.get(id);
    if (at !== undefined) latencies.push(performance.now() - at);
    publishedAt.delete(id);
  });
  await subscriber.psubscribe(`${resultKey}*`);
  const startedAt = performance.now();
  for (let count = 0; count < pacedTasks; count += 1) {
    const dueAt = startedAt + (count * 1000) / pacedPerSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
    const { id, text } = message();
    publishedAt.set(id, performance.now());
    await publish(id, text);
  }
  await waitUntil(() => publishedAt.size === 0, { what: "the last result", timeoutMs: 30_000, detail });
  return latencies;
}

function message(): { readonly id: string; readonly text: string } {
  const envelope = createEnvelope(
    { task: "bench.noop", args: [], kwargs: {}, options: {} },
    {
      now: Date.now(),
      origin: "gen1@bench",
      replyTo: "b1c2a7f4-0d0e-4a57-8f0a-2f6f2d1f5a10",
      destination: { exchange: "", exchangeType: "direct", routingKey: "celery" },
      newId: randomUUID,
    },
  );
  return { id: envelope.id, text: encodeMessage(envelope, randomUUID()) };
}

async function onStage(contestant: Contestant, measure: (stage: Stage) => Promise<Row>): Promise<Row> {
  await using redis = await startRedis();
  await using folder = temporaryFolder();
  await writeFile(
    folder.file("proj.mjs"),
    'import { App } from "lovage";\nexport const app = new App("proj");\napp.task("bench.noop", () => null);\n',
  );
  await writeFile(
    folder.file("bench_project.py"),
    'from celery import Celery\napp = Celery("bench")\n\n@app.task(name="bench.noop")\ndef noop():\n    return None\n',
  );
  await linkPackage(folder.path);
  const broker = redis.client();
  const results = broker.duplicate({ db: 1 });
  results.on("error", () => undefined);
  const worker = await startWorker(contestant, redis, folder.path);
  try {
    const stage = { redis, broker, results, worker };
    await runPrefilled(stage, 1);
    return await measure(stage);
  } finally {
    await worker.stop("SIGTERM", 20_000);
    results.disconnect();
  }
}

function startWorker({ who, pool, concurrency }: Contestant, redis: RedisServer, cwd: string): Promise<RunningProgram> {
  const backend = redis.url.replace(/0$/, "1");
  const common = ["-P", pool, "-c", String(concurrency), "-l", "WARNING", "--without-heartbeat"];
  if (who === "lovage") {
    const worker = [`${dist}/cli/worker.js`, "-A", "proj", "-b", redis.url, "--result-backend", backend];
    const profile = process.env["BENCH_PROFILE"];
    const node = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    return startProgram(process.execPath, [...node, ...worker, ...common], { cwd });
  }
  const celery = ["-m", "celery", "-A", "bench_project", "-b", redis.url, "--result-backend", backend, "worker"];
  const quiet = ["-O", "fair", "--without-gossip", "--without-mingle"];
  return startProgram("/usr/bin/python3", [...celery, ...common, ...quiet], {
    cwd,
    env: { C_FORCE_ROOT: "1", PYTHONDONTWRITEBYTECODE: "1" },
  });
}
