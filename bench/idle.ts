// What does beat cost while nothing is due? Start to leading, memory, and CPU over half a minute, with N daily entries.
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBeat } from "../test/helper/beat-process.ts";
import { startRedis } from "../test/helper/redis.ts";

const watchMs = 30_000;
/** The rows are folded and the heap is tidied in the first minute; after that beat is at rest. */
const settleMs = 75_000;
const counts = process.argv.slice(2).map(Number);
if (counts.length === 0) counts.push(100_000);

const rows: Record<string, string | number>[] = [];
for (const count of counts) rows.push(await idle(count));
console.table(rows);

async function idle(count: number): Promise<Record<string, string | number>> {
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "lovage-bench-"));
  // Twelve hours away from now: nothing is due while we look.
  const hour = (new Date().getUTCHours() + 12) % 24;
  const entry = (index: number): string =>
    `  entry-${index}: {task: proj.add, schedule: "${index % 60} ${hour} * * *", args: [${index}, 2]}`;
  await writeFile(
    join(folder, "idle.yaml"),
    `entries:\n${Array.from({ length: count }, (_, i) => entry(i)).join("\n")}\n`,
  );
  const startedAt = performance.now();
  await using beat = await startBeat(["-b", redis.url, "--schedules", "idle.yaml", "-s", "record"], folder);
  await beat.saw("leading scope", 120_000);
  const startMs = Math.round(performance.now() - startedAt);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const before = ticks(beat.pid);
  await new Promise((resolve) => setTimeout(resolve, watchMs));
  const cpuMs = (ticks(beat.pid) - before) * 10;
  const row = {
    entries: count,
    "start ms": startMs,
    "RSS MiB": memory(beat.pid, "VmRSS"),
    "peak MiB": memory(beat.pid, "VmHWM"),
    "CPU ms in 30 s": cpuMs,
    "CPU share": `${((cpuMs / watchMs) * 100).toFixed(2)} %`,
  };
  await rm(folder, { recursive: true, force: true });
  return row;
}

/** User and system time in the kernel's ticks of 10 ms. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function memory(pid: number, field: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(line?.[1]) / 1024);
}
