// Whole workers killed with SIGKILL at random instants under load: what was acknowledged late runs to its end in spite of
// it, what is acknowledged early has at least begun.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { linkPackage, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorker } from "../helper/worker-process.ts";

const tasksPerRound = 200;
const kills = 8;
const tasks = tasksPerRound * (kills + 1);

// A line is there when the call returns, whatever happens to the process after.
const project = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "lovage";
export const app = new App("proj");
const note = (what, n) => appendFileSync("record.txt", what + " " + n + "\\n");
const work = async (n) => {
  note("start", n);
  await sleep(2 + (n % 5));
  note("end", n);
  return n;
};
app.task("proj.late", work, { acksLate: true, rejectOnWorkerLost: true });
app.task("proj.early", async (n) => work(n));
`;

async function linesOf(folder: string, what: string): Promise<readonly number[]> {
  const text = await readFile(join(folder, "record.txt"), "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line.startsWith(`${what} `));
  return lines.map((line) => Number(line.slice(what.length + 1)));
}

interface Scene {
  readonly folder: string;
  readonly args: readonly string[];
  readonly brokerUrl: string;
}

async function killAgainAndAgain({ folder, args, brokerUrl }: Scene, task: string, what: string): Promise<void> {
  await writeFiles(folder, { "proj.mjs": project });
  await linkPackage(folder);
  await using app = new App("proj", { broker: brokerUrl, taskIgnoreResult: true });
  let sent = 0;
  const send = async (): Promise<void> => {
    for (const end = sent + tasksPerRound; sent < end; sent += 1) await app.sendTask(task, [sent]);
  };
  const all = ["-A", "proj", "-c", "2", "-q", "-l", "WARNING", ...args];
  for (let round = 0; round < kills; round += 1) {
    // More than a worker gets through before it is killed.
    await send();
    const before = new Set(await linesOf(folder, what)).size;
    const worker = await startWorker(all, folder);
    const more = async (): Promise<boolean> => new Set(await linesOf(folder, what)).size > before;
    await waitUntil(more, { what: "something to run", timeoutMs: 40_000, detail: worker.output });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    await worker.stop("SIGKILL");
  }
  await send();
  const worker = await startWorker(all, folder);
  const done = async (): Promise<boolean> => new Set(await linesOf(folder, what)).size === tasks;
  await waitUntil(done, { what: `all tasks to ${what}`, timeoutMs: 60_000, detail: worker.output });
  const broker = await app.broker();
  await waitUntil(async () => (await broker.depth("celery")) === 0, { what: "an empty queue" });
  await worker.stop("SIGTERM");
  expect(worker.exitCode()).toBe(0);
  const lines = await linesOf(folder, what);
  console.log(`${task} ${args.join(" ")}: ${tasks} tasks, ${kills} kills, ${lines.length - tasks} of them repeated`);
  if (task === "proj.late") {
    // A kill between start and end: without one, nothing was put to the test.
    expect((await linesOf(folder, "start")).length).toBeGreaterThan(tasks);
  }
  // Only what was in hand at a kill may come again: two in the pool and four times as many prefetched.
  expect(lines.length - tasks).toBeLessThanOrEqual(kills * 10);
}

describe.each([["prefork"], ["async"]])("a worker with the %s pool that is killed again and again", (pool) => {
  it.skipIf(!requireService("redis")).each([
    ["proj.late", "end"],
    ["proj.early", "start"],
  ])("loses nothing of %s on Redis", async (task, what) => {
    await using server = await startRedis();
    await using folder = temporaryFolder();
    const args = ["-b", server.url, "-P", pool];
    await killAgainAndAgain({ folder: folder.path, args, brokerUrl: server.url }, task, what);
  });

  it.each([
    ["proj.late", "end"],
    ["proj.early", "start"],
  ])("loses nothing of %s on SQLite", async (task, what) => {
    await using folder = temporaryFolder();
    const brokerUrl = `sqlite:///${join(folder.path, "broker.sqlite")}`;
    await killAgainAndAgain({ folder: folder.path, args: ["-b", brokerUrl, "-P", pool], brokerUrl }, task, what);
  });
});
