import { existsSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { packageRoot } from "../helper/beat-process.ts";
import { startRedis } from "../helper/redis.ts";
import { startProgram } from "../helper/service.ts";
import { waitUntil } from "../helper/wait.ts";
import type { Day, Hour } from "./day.ts";

const megabyte = 1 << 20;
/** A heap breathes, a leak does not: by so much may hour 24 be above hour 2. */
const heapSlack = 3 * megabyte;
const redisSlack = 0.5 * megabyte;

/** In memory where there is such a place: a day of waits for the disk is what takes the time, and is not the question here. */
function memoryFolder(): AsyncDisposable & { readonly path: string } {
  const path = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "lovage-soak-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function liveADay(url: string, folder: string): Promise<Day> {
  const args = ["--expose-gc", "--import", "tsx", "test/soak/day.ts", url, folder];
  const day = await startProgram(process.execPath, args, { cwd: packageRoot });
  try {
    await waitUntil(() => day.exitCode() !== undefined, {
      what: "the day to end",
      timeoutMs: 540_000,
      everyMs: 250,
      detail: day.output,
    });
  } finally {
    await day.stop("SIGKILL");
  }
  expect(day.exitCode(), day.output()).toBe(0);
  return JSON.parse(day.output()) as Day;
}

/** Marks of large batches go through here; how many are on their way at the full hour is chance. */
const journal = "lovage:soak:journal";
const mostRecords = 50;

function keptKeys({ keys }: Hour): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(keys).filter(([key]) => key !== journal));
}

function lineOf({ hour, heapBytes, redisBytes, keys, recordBytes, sent }: Hour): string {
  const [heap, redis, record] = [heapBytes, redisBytes, recordBytes].map((bytes) => (bytes / megabyte).toFixed(2));
  const count = Object.keys(keys).length;
  return `hour ${hour}: heap ${heap} MiB, Redis ${redis} MiB in ${count} keys, record ${record} MiB, ${sent} sent`;
}

describe.skipIf(!requireService("redis"))("24 hours of a leader and a standby", () => {
  it("send every occurrence once, and leave memory and Redis as they were after two hours", async () => {
    await using redis = await startRedis();
    await using folder = memoryFolder();
    const day = await liveADay(redis.url, folder.path);
    const [second, last] = [day.hours[1], day.hours.at(-1)] as [Hour, Hour];
    const shown = day.hours.filter(({ hour }) => [2, 12, 24].includes(hour)).map(lineOf);
    console.log(`${day.entries} entries, ${Math.round(day.tookMs / 1000)} s\n${shown.join("\n")}`);
    expect(day.faults).toEqual([]);
    expect(last.hour).toBe(24);
    expect(last.heapBytes).toBeLessThan(second.heapBytes + heapSlack);
    expect(last.redisBytes).toBeLessThan(second.redisBytes + redisSlack);
    expect(keptKeys(last)).toEqual(keptKeys(second));
    expect(last.keys[journal] ?? 0).toBeLessThan(mostRecords);
  }, 600_000);
});
