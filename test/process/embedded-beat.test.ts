import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { waitUntil } from "../helper/wait.ts";
import { projectFolder, startWorker, type WorkerProcess } from "../helper/worker-process.ts";

const everySecond = 'entries:\n  tick: {task: proj.note, schedule: "* * * * * *", args: [tick], missed: all}\n';
const args = ["-A", "proj", "-P", "async", "-B", "-q", "--without-heartbeat"];

/** The task ids of what has run so far, in order. */
async function noted(file: string): Promise<readonly string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ")[0] ?? "");
}

async function untilNoted(file: string, count: number, detail: () => string): Promise<readonly string[]> {
  await waitUntil(async () => (await noted(file)).length >= count, {
    what: `${count} runs`,
    timeoutMs: 60_000,
    detail,
  });
  return noted(file);
}

/** The process id of the beat that a worker carries along, by what the system says of its children. */
async function beatOf(worker: WorkerProcess): Promise<number> {
  const children = await readFile(`/proc/${worker.pid}/task/${worker.pid}/children`, "utf8");
  for (const pid of children.trim().split(" ").filter(Boolean)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes("--embedded")) return Number(pid);
  }
  throw new Error(`no beat among the children ${children}`);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const gone = (pid: number): Promise<unknown> =>
  waitUntil(() => !isRunning(pid), { what: `process ${pid} to be gone`, timeoutMs: 15_000 });

describe("worker -B", () => {
  it("runs what its beat sends, and stops both within seconds of a SIGTERM", async () => {
    await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
    await using worker = await startWorker(args, folder.path);
    const ids = await untilNoted(folder.file("noted"), 3, worker.output);
    expect(new Set(ids).size).toBe(ids.length);
    const beat = await beatOf(worker);
    worker.signal("SIGTERM");
    expect(await worker.ended(6000)).toBe(0);
    expect(isRunning(beat)).toBe(false);
    expect(worker.output()).toContain("beat: stopping: the worker stops");
    expect(worker.output()).not.toMatch(/ERROR|WARNING/);
  });

  it("takes Ctrl-C for the whole process group as its own, and its beat is not told twice", async () => {
    await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
    await using worker = await startWorker(args, folder.path);
    await untilNoted(folder.file("noted"), 1, worker.output);
    for (const pid of [await beatOf(worker), worker.pid]) process.kill(pid, "SIGINT");
    expect(await worker.ended(6000)).toBe(0);
    expect(worker.output()).toContain("beat: stopped");
    expect(worker.output()).not.toMatch(/embedded beat ended|unsent/);
  });

  it("starts its beat again when that dies, and says so; the schedule goes on, nothing twice", async () => {
    await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
    await using worker = await startWorker(args, folder.path);
    await untilNoted(folder.file("noted"), 2, worker.output);
    const beat = await beatOf(worker);
    process.kill(beat, "SIGKILL");
    await worker.saw(/the embedded beat ended: ended by SIGKILL; it starts again in/);
    const before = (await noted(folder.file("noted"))).length;
    const ids = await untilNoted(folder.file("noted"), before + 3, worker.output);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await beatOf(worker)).not.toBe(beat);
  });

  it("leaves no beat behind when it is killed", async () => {
    await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
    await using worker = await startWorker(args, folder.path);
    await untilNoted(folder.file("noted"), 1, worker.output);
    const beat = await beatOf(worker);
    await worker.stop("SIGKILL");
    await gone(beat);
  });

  it("ends at once, and shows it once, when the schedule has a mistake", async () => {
    const bad =
      'entries:\n  one:\n    task: proj.note\n    schedule: "61 * * * *"\n  two: {taks: proj.note, schedule: 5}\n';
    await using folder = await projectFolder({ "schedules/bad.yaml": bad });
    await using worker = await startWorker(args, folder.path);
    expect(await worker.ended()).toBe(1);
    expect(worker.output()).toMatch(/bad\.yaml:4:15.*0-59[\s\S]*bad\.yaml:5:.*task/);
    expect(worker.output().split("bad.yaml:4:15")).toHaveLength(2);
    expect(worker.output()).not.toContain("ready.");
    expect(worker.output()).not.toMatch(/^\s+at /m);
  });

  it("on a beat-record that another worker's beat has stands by, and takes over when that is killed", async () => {
    await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
    await using first = await startWorker([...args, "-n", "w1@%h"], folder.path);
    await first.saw("leading scope proj");
    await using second = await startWorker([...args, "-n", "w2@%h"], folder.path);
    await second.saw("ready.");
    const leader = await beatOf(first);
    await second.saw(new RegExp(`standing by: pid ${leader} on .* leads scope proj`));
    await untilNoted(folder.file("noted"), 2, first.output);
    await first.stop("SIGKILL");
    await second.saw("leading scope proj");
    const before = (await noted(folder.file("noted"))).length;
    const ids = await untilNoted(folder.file("noted"), before + 3, second.output);
    expect(new Set(ids).size).toBe(ids.length);
    expect(second.output().split("standing by").length - 1).toBe(1);
    expect(second.output()).not.toContain("embedded beat ended");
  });
});

describe.skipIf(!requireService("redis"))("two workers with -B on one Redis", () => {
  it("never send twice, whichever of them stops or dies", async () => {
    await using redis = await startRedis();
    await using folder = await projectFolder({ "schedules/a.yaml": everySecond });
    const on = (name: string): string[] => [...args, "-n", `${name}@%h`, "-b", redis.url, "-s", `${name}.record`];
    await using first = await startWorker(on("w1"), folder.path);
    await first.saw("leading scope proj");
    await using second = await startWorker(on("w2"), folder.path);
    await second.saw("standing by");
    await untilNoted(folder.file("noted"), 2, first.output);
    await first.stop("SIGTERM");
    // A clean stop gives up the lease: the other leads at once.
    await second.saw("leading scope proj", 5000);
    await using third = await startWorker(on("w3"), folder.path);
    await third.saw("standing by");
    await second.stop("SIGKILL");
    await third.saw("leading scope proj");
    const before = (await noted(folder.file("noted"))).length;
    const ids = await untilNoted(folder.file("noted"), before + 3, third.output);
    expect(new Set(ids).size).toBe(ids.length);
    expect(first.exitCode()).toBe(0);
  });
});
