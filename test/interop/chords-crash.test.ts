// Workers killed with SIGKILL while they count the parts of chords: every body is called, with all the results.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { Signature } from "../../src/protocol/signature.ts";
import { linkPackage, writeFiles } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";
import { startWorker } from "../helper/worker-process.ts";

const chords = 250;
const size = 5;
const kills = 6;

// Parts of different chords end close together, so that a kill may come between any two steps of several of them.
const project = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "lovage";
export const app = new App("proj");
const late = { acksLate: true, rejectOnWorkerLost: true };
const note = (file, text) => appendFileSync(file, text + "\\n");
app.task("proj.part", async (n) => {
  await sleep(5 + n);
  note("parts.txt", n);
  return n;
}, late);
app.task("proj.body", (results, chord) => note("bodies.txt", chord + " " + results.join()), late);
`;

async function linesOf(folder: string, file: "parts" | "bodies"): Promise<readonly string[]> {
  const text = await readFile(join(folder, `${file}.txt`), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

async function sendChords(app: App): Promise<void> {
  const backend = await app.backend();
  for (let chord = 0; chord < chords; chord += 1) {
    const groupId = `chord-${chord}`;
    const body = { task: "proj.body", args: [groupId], options: { task_id: `body-${chord}` } };
    await backend?.chords?.open([{ groupId, size, tree: null }]);
    for (let part = 0; part < size; part += 1) {
      const taskId = `part-${chord}-${part}`;
      await app.sendTask(
        "proj.part",
        [part],
        {},
        { taskId, groupId, groupIndex: part, chord: Signature.fromJSON(body) },
      );
    }
  }
}

async function killAgainAndAgain(
  folder: string,
  urls: { readonly broker: string; readonly backend: string },
): Promise<void> {
  await writeFiles(folder, { "proj.mjs": project });
  await linkPackage(folder);
  await using app = new App("proj", urls);
  await sendChords(app);
  const args = ["-A", "proj", "-P", "async", "-c", "3", "-q", "-l", "WARNING", "-b", urls.broker];
  const all = [...args, "--result-backend", urls.backend];
  const progress = async (): Promise<number> =>
    (await linesOf(folder, "parts")).length + (await linesOf(folder, "bodies")).length;
  for (let round = 0; round < kills; round += 1) {
    const before = await progress();
    await using worker = await startWorker(all, folder);
    const more = async (): Promise<boolean> => (await progress()) > before;
    await waitUntil(more, { what: "something to run", timeoutMs: 40_000, detail: worker.output });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
    await worker.stop("SIGKILL");
  }
  await using worker = await startWorker(all, folder);
  const done = async (): Promise<boolean> => new Set(await linesOf(folder, "bodies")).size >= chords;
  await waitUntil(done, { what: "all bodies to run", timeoutMs: 60_000, detail: worker.output });
  const broker = await app.broker();
  await waitUntil(async () => (await broker.depth("celery")) === 0, { what: "an empty queue" });
  await worker.stop("SIGTERM");
  const lines = await linesOf(folder, "bodies");
  const whole = Array.from({ length: chords }, (_, chord) => `chord-${chord} 0,1,2,3,4`);
  expect(new Set(lines)).toEqual(new Set(whole));
  console.log(`${chords} chords of ${size}, ${kills} kills, ${lines.length - chords} bodies repeated`);
  // Only what was in hand at a kill may come again: three in the pool and four times as many prefetched.
  expect(lines.length - chords).toBeLessThanOrEqual(kills * 15);
}

describe("workers that are killed again and again call the body of every chord", () => {
  it.skipIf(!requireService("redis"))("on Redis", async () => {
    await using server = await startRedis();
    await using folder = temporaryFolder();
    await killAgainAndAgain(folder.path, { broker: server.url, backend: server.url });
  });

  it("on SQLite", async () => {
    await using folder = temporaryFolder();
    const [broker, backend] = ["broker", "results"].map((name) => `sqlite:///${join(folder.path, `${name}.sqlite`)}`);
    await killAgainAndAgain(folder.path, { broker: broker ?? "", backend: backend ?? "" });
  });
});
