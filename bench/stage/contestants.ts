// The beats that are compared: ours as it is built, and Python's, each with a folder and a redis-server of its own.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../test/helper/beat-process.ts";
import { type RedisServer, startRedis } from "../../test/helper/redis.ts";
import { type RunningProgram, startProgram } from "../../test/helper/service.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/helper/temporary-folder.ts";
import { waitUntil } from "../../test/helper/wait.ts";

/** Another build can be measured beside this one: `BENCH_DIST=/somewhere/dist`. */
export const dist = process.env["BENCH_DIST"] ?? join(packageRoot, "dist");

export interface Stage extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly folder: TemporaryFolder;
}

export async function prepareStage(): Promise<Stage> {
  const redis = await startRedis();
  const folder = temporaryFolder();
  const end = async (): Promise<void> => {
    await redis.stop();
    await folder[Symbol.asyncDispose]();
  };
  return { redis, folder, [Symbol.asyncDispose]: end };
}

export interface Beat extends RunningProgram, AsyncDisposable {
  readonly startedAt: number;
}

/** Our beat with `schedules.yaml` of the folder, the exactly-once guard and its beat-record, as a user starts it. */
export async function startOurs({ redis, folder }: Stage): Promise<Beat> {
  const profile = process.env["BENCH_PROFILE"];
  const node = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const options = ["-b", redis.url, "--schedules", "schedules.yaml", "-s", "record"];
  const args = [...node, join(dist, "cli/beat.js"), ...options];
  return start(process.execPath, args, { cwd: folder.path, env: { NO_COLOR: "1" } });
}

export async function isLeading(beat: Beat, timeoutMs = 300_000): Promise<void> {
  const hasEnded = (): boolean => beat.exitCode() !== undefined;
  await waitUntil(() => hasEnded() || beat.output().includes("leading scope"), {
    what: "beat to lead",
    timeoutMs,
    everyMs: 5,
    detail: beat.output,
  });
  alive(beat);
}

/** Python Celery's beat with this module. It logs warnings only, as it does unless told otherwise. */
export async function startCelery({ redis, folder }: Stage, project: string): Promise<Beat> {
  await writeFile(folder.file("bench_project.py"), project);
  const args = ["-m", "celery", "-A", "bench_project", "-b", redis.url, "beat", "-s", "record", "--pidfile="];
  const env = { PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1" };
  return start("/usr/bin/python3", args, { cwd: folder.path, env });
}

async function start(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<Beat> {
  const startedAt = Date.now();
  const program = await startProgram(command, args, options);
  return { ...program, startedAt, [Symbol.asyncDispose]: () => program.stop("SIGTERM", 30_000) };
}

/** @throws with what it said, when it has ended */
export function alive(beat: Beat): boolean {
  if (beat.exitCode() === undefined) return true;
  throw new Error(`it ended with ${beat.exitCode()}:\n${beat.output()}`);
}
