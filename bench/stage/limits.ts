// What the machine can do at most, measured in the run it is compared with: redis-benchmark, and a Node process that has
// nothing to do but to push what was made before.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RedisServer } from "../../test/helper/redis.ts";
import { type RunningProgram, startProgram } from "../../test/helper/service.ts";
import { waitUntil } from "../../test/helper/wait.ts";

const run = promisify(execFile);

/** `redis-benchmark -t lpush -P 500` with messages of this size, a second. */
export async function redisBenchmark(redis: RedisServer, size: number, messages = 300_000): Promise<number> {
  const load = ["-t", "lpush", "-P", "500", "-n", String(messages), "-d", String(size), "--csv"];
  const { stdout } = await run("redis-benchmark", ["-p", String(redis.port), ...load]);
  const line = stdout.split("\n").find((text) => text.startsWith('"LPUSH"')) ?? "";
  const client = redis.client();
  await client.unlink("mylist");
  client.disconnect();
  return Number(line.split(",")[1]?.replaceAll('"', ""));
}

export interface ReadyMadeBursts {
  readonly port: number;
  readonly key: string;
  readonly message: string;
  readonly count: number;
  readonly dueAts: readonly number[];
}

/** A process of its own that pushes so many messages at each of the instants, as fast as it can. */
export async function startReadyMade(bursts: ReadyMadeBursts): Promise<RunningProgram> {
  const program = fileURLToPath(new URL("ready-made-bursts.ts", import.meta.url));
  const child = await startProgram(process.execPath, ["--import", "tsx", program, JSON.stringify(bursts)]);
  await waitUntil(() => child.output().includes("ready"), { what: "the limit to be ready", detail: child.output });
  return child;
}
