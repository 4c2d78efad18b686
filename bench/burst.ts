// How late is the last of N tasks due on the same instant? Beat as a process, with the exactly-once guard and its record,
// on a redis-server of its own; beside it what redis-benchmark reaches with messages of the same size, in the same run.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBeat } from "../test/helper/beat-process.ts";
import { type RedisServer, startRedis } from "../test/helper/redis.ts";

interface Sample {
  readonly at: number;
  readonly depth: number;
}

const counts = process.argv.slice(2).map(Number);
if (counts.length === 0) counts.push(1000, 10_000);
const leadMs = 4000;

const rows: Record<string, string | number>[] = [];
for (const count of counts) rows.push(await burst(count));
console.table(rows);

async function burst(count: number): Promise<Record<string, string | number>> {
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "lovage-bench-"));
  // The first full minute that leaves beat time to start and to be idle again.
  const dueAt = Math.ceil((Date.now() + 3000 + count / 5 + leadMs) / 60_000) * 60_000;
  const minute = new Date(dueAt);
  const crontab = `${minute.getUTCMinutes()} ${minute.getUTCHours()} * * *`;
  const entry = (index: number): string =>
    `  entry-${index}: {task: proj.add, schedule: "${crontab}", args: [${index}, 2]}`;
  const entries = Array.from({ length: count }, (_, index) => entry(index));
  await writeFile(join(folder, "burst.yaml"), `entries:\n${entries.join("\n")}\n`);
  const startedAt = Date.now();
  await using beat = await startBeat(
    ["-b", redis.url, "--schedules", "burst.yaml", "-s", "record", "-l", "INFO"],
    folder,
  );
  await beat.saw("leading scope", 120_000);
  const startMs = Date.now() - startedAt;
  if (Date.now() > dueAt - 500) throw new Error(`beat took ${startMs} ms to start: too late for the burst`);
  const cpuBefore = cpuMs(beat.pid);
  const samples = await watchDepth(redis, count, dueAt);
  const cpu = cpuMs(beat.pid) - cpuBefore;
  const late = (share: number): number => lateness(samples, Math.max(1, Math.ceil(count * share)), dueAt);
  const size = await messageSize(redis);
  const result = {
    due: count,
    "first ms": late(0),
    "p50 ms": late(0.5),
    "p99 ms": late(0.99),
    "last ms": late(1),
    "messages/s": Math.round((count / Math.max(1, late(1))) * 1000),
    "CPU ms": cpu,
    "peak MiB": peakMemory(beat.pid),
    "start ms": startMs,
    "bytes each": size,
    "redis-benchmark/s": redisBenchmark(redis, size),
  };
  await rm(folder, { recursive: true, force: true });
  return { ...result, ratio: (result["messages/s"] / result["redis-benchmark/s"]).toFixed(2) };
}

/** Asks for the depth about once a millisecond: more often would take the processor from those it measures. */
async function watchDepth(redis: RedisServer, count: number, dueAt: number): Promise<readonly Sample[]> {
  const client = redis.client();
  const samples: Sample[] = [];
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - Date.now() - 20)));
  for (let depth = 0; depth < count; ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    depth = await client.llen("celery");
    const at = performance.timeOrigin + performance.now();
    if (depth !== samples.at(-1)?.depth) samples.push({ at, depth });
    if (at > dueAt + 120_000) throw new Error(`only ${depth} of ${count} arrived in two minutes`);
  }
  return samples;
}

function lateness(samples: readonly Sample[], rank: number, dueAt: number): number {
  const sample = samples.find(({ depth }) => depth >= rank);
  return Math.round(((sample?.at ?? Number.NaN) - dueAt) * 10) / 10;
}

async function messageSize(redis: RedisServer): Promise<number> {
  const [message = ""] = await redis.client().lrange("celery", 0, 0);
  return message.length;
}

function redisBenchmark(redis: RedisServer, size: number): number {
  const args = ["-p", String(redis.port), "-t", "lpush", "-P", "500", "-n", "300000", "-d", String(size), "--csv"];
  const lines = execFileSync("redis-benchmark", args, { encoding: "utf8" }).split("\n");
  const line = lines.find((text) => text.startsWith('"LPUSH"')) ?? "";
  return Math.round(Number(line.split(",")[1]?.replaceAll('"', "")));
}

/** User and system time of the process, from the kernel's count of ticks of 10 ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function peakMemory(pid: number): number {
  const line = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(line?.[1]) / 1024);
}
