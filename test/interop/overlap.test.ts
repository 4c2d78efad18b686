import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { linkPackage, startBeat, writeFiles } from "../helper/beat-process.ts";
import { startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder, type TemporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

interface Run {
  readonly id: string;
  readonly at: number;
}

const projectDir = fileURLToPath(new URL("../helper/python", import.meta.url));
const hasCelery = requireService("redis") && requireService("celery");
const timeout = 90_000;

const projectOf = (settings: object): string => `
import { App } from "lovage";
export const app = new App("proj", ${JSON.stringify(settings)});
`;

const entryOf = (overlap: string, seconds: number): string => `
entries:
  slow: {task: sink.slow, schedule: 1, args: [${seconds}], overlap: ${overlap}}
`;

/** A worker that could run several at once, and still answers questions. */
const wide = ["--pool", "prefork", "-c", "3"];

async function runsIn(folder: TemporaryFolder): Promise<readonly Run[]> {
  const text = await readFile(folder.file("runs"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Run)
    .sort((left, right) => left.at - right.at);
}

function shortestGap(runs: readonly Run[]): number {
  return Math.min(...runs.slice(1).map(({ at }, index) => at - (runs[index]?.at ?? 0)));
}

describe.skipIf(!hasCelery)("overlap: skip, with tasks of a Python worker", { timeout }, () => {
  it("lets no two runs of an entry overlap, by the result backend", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    const results = redis.url.replace(/0$/, "1");
    await linkPackage(folder.path);
    await writeFiles(folder.path, {
      "proj.ts": projectOf({ broker: redis.url, resultBackend: results }),
      "schedules/all.yaml": entryOf("skip", 2),
    });
    await using worker = await startCeleryWorker({
      brokerUrl: redis.url,
      backendUrl: results,
      projectDir,
      app: "sink",
      args: wide,
      env: { OUTPUT: folder.file("runs") },
    });
    await using beat = await startBeat(["-A", "proj"], folder.path);
    await waitUntil(async () => (await runsIn(folder)).length >= 4, {
      what: "four runs",
      timeoutMs: 40_000,
      detail: () => beat.output() + worker.output(),
    });
    await beat.stop();
    expect(shortestGap(await runsIn(folder))).toBeGreaterThanOrEqual(2);
    expect(beat.output()).toMatch(/slow skipped 1 occurrence due .*: overlap: skip, the run of .* has not ended/);
  });

  it("does so by the workers' events, and after another beat has taken over", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, {
      "proj.ts": projectOf({ broker: redis.url, workerSendTaskEvents: true }),
      "schedules/all.yaml": entryOf("skip", 3),
    });
    await using worker = await startCeleryWorker({
      brokerUrl: redis.url,
      projectDir,
      app: "sink",
      args: [...wide, "-E"],
      env: { OUTPUT: folder.file("runs") },
    });
    const detail = (): string => worker.output();
    const ran = async (count: number): Promise<void> => {
      const what = `${count} runs`;
      await waitUntil(async () => (await runsIn(folder)).length >= count, { what, timeoutMs: 40_000, detail });
    };
    {
      await using first = await startBeat(["-A", "proj"], folder.path);
      await ran(3);
      // While the third runs: who comes next leads at once, and has heard nothing of it.
      await first.stop("SIGKILL");
    }
    await using second = await startBeat(["-A", "proj"], folder.path);
    await ran(5);
    await second.stop();
    expect(shortestGap(await runsIn(folder))).toBeGreaterThanOrEqual(3);
  });

  it("goes on when the previous run has ended while no beat was there to hear it", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, {
      "proj.ts": projectOf({ broker: redis.url, workerSendTaskEvents: true }),
      "schedules/all.yaml": entryOf("skip", 0),
    });
    {
      await using first = await startBeat(["-A", "proj"], folder.path);
      await first.saw("Sending due task slow");
      await first.stop();
    }
    await using worker = await startCeleryWorker({
      brokerUrl: redis.url,
      projectDir,
      app: "sink",
      args: [...wide, "-E"],
      env: { OUTPUT: folder.file("runs") },
    });
    await waitUntil(async () => (await runsIn(folder)).length >= 1, { what: "the first run", detail: worker.output });
    await using second = await startBeat(["-A", "proj"], folder.path);
    await second.saw("Sending due task slow");
  });
});

describe.skipIf(!hasCelery)("overlap: skip_queued", { timeout }, () => {
  it("leaves one message in the queue of a worker that is down", async () => {
    await using redis = await startRedis();
    await using folder = temporaryFolder();
    await linkPackage(folder.path);
    await writeFiles(folder.path, {
      "proj.ts": projectOf({ broker: redis.url, workerSendTaskEvents: true }),
      "schedules/all.yaml": entryOf("skip_queued", 60),
    });
    await using beat = await startBeat(["-A", "proj"], folder.path);
    const held = (): number =>
      beat.output().match(/overlap: skip_queued, the run of \S+ \(id=\S+\) has not begun/g)?.length ?? 0;
    await waitUntil(() => held() >= 5, { what: "five held occurrences", timeoutMs: 20_000, detail: beat.output });
    expect(await redis.client().llen("celery")).toBe(1);

    await using worker = await startCeleryWorker({
      brokerUrl: redis.url,
      projectDir,
      app: "sink",
      args: [...wide, "-E"],
      env: { OUTPUT: folder.file("runs") },
    });
    // Begun is enough: runs of a minute stand side by side.
    await waitUntil(async () => (await runsIn(folder)).length >= 3, {
      what: "three runs at once",
      timeoutMs: 20_000,
      detail: () => beat.output() + worker.output(),
    });
    await worker.stop("SIGKILL");
  });
});
