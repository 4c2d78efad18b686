// How long a piece of work takes, and what it costs this process and Redis.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Redis } from "ioredis";

export interface Effort {
  readonly ms: number;
  /** User and system time of this process. */
  readonly ownMs: number;
  readonly redisMs: number;
}

setFlagsFromString("--expose-gc");
/** So that nobody pays for what the one before has left lying about. */
const collectGarbage = runInNewContext("gc") as () => void;

export async function effortOf(client: Redis, work: () => Promise<void>): Promise<Effort> {
  collectGarbage();
  const redisBefore = await redisCpuMs(client);
  const ownBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(ownBefore);
  return { ms, ownMs: (user + system) / 1000, redisMs: (await redisCpuMs(client)) - redisBefore };
}

async function redisCpuMs(client: Redis): Promise<number> {
  const info = await client.info("cpu");
  const secondsOf = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
  return (secondsOf("used_cpu_user") + secondsOf("used_cpu_sys")) * 1000;
}
