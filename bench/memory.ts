// How much memory does beat take, once it is at rest and at most, with N daily entries? Resident, by the kernel's books.
import { parseArgs } from "node:util";
import { type Beat, isLeading, prepareStage, startCelery, startOurs } from "./stage/contestants.ts";
import { startProgram } from "../test/helper/service.ts";
import { peakMiB, residentMiB } from "./stage/process-cost.ts";
import { celeryDaily, celeryProject, daily, writeSchedules } from "./stage/schedule-files.ts";
import { printTable, progress, type Row, whole } from "./stage/table.ts";
import { sleep } from "./stage/wall-clock.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { celery: { type: "string", default: "10000" } },
});
const counts = positionals.length === 0 ? [1, 10_000, 100_000, 1_000_000] : positionals.map(Number);
const celeryCounts = [1, Number(values.celery)].filter((count) => count > 0);
/** At rest: for so long nothing has changed any more. The heap is tidied in the first minute. */
const calmMs = 30_000;
const atLeastMs = 60_000;
const atMostMs = 180_000;
const lookMs = 2000;

const rows: Row[] = [];
for (const count of counts) {
  progress(`lovage: ${whole(count)}`);
  await using stage = await prepareStage();
  await writeSchedules(stage.folder.file("schedules.yaml"), count, daily);
  await using beat = await startOurs(stage);
  await isLeading(beat);
  rows.push(await rowOf("lovage", count, beat));
}
for (const count of celeryCounts) {
  progress(`Celery beat: ${whole(count)}`);
  await using stage = await prepareStage();
  await using beat = await startCelery(stage, celeryProject(count, celeryDaily()));
  rows.push(await rowOf("Celery beat", count, beat));
}
rows.push(...(await floors()));
printTable(rows);

async function rowOf(who: string, count: number, beat: Beat): Promise<Row> {
  const restMiB = await restingMiB(beat);
  return {
    who,
    entries: whole(count),
    "at rest": `${whole(restMiB)} MiB`,
    peak: `${whole(peakMiB(beat.pid))} MiB`,
  };
}

async function restingMiB({ pid }: Beat): Promise<number> {
  const startedAt = Date.now();
  let calmSince = startedAt;
  let lastMiB = residentMiB(pid);
  while (Date.now() < startedAt + atMostMs) {
    await sleep(lookMs);
    const nowMiB = residentMiB(pid);
    if (Math.abs(nowMiB - lastMiB) > 1 + lastMiB / 100) {
      calmSince = Date.now();
      lastMiB = nowMiB;
    }
    if (Date.now() > calmSince + calmMs && Date.now() > startedAt + atLeastMs) break;
  }
  return residentMiB(pid);
}

/** What the languages take by themselves. */
async function floors(): Promise<readonly Row[]> {
  const programs: readonly (readonly [who: string, command: string, args: readonly string[]])[] = [
    ["limit: node, nothing loaded", process.execPath, ["-e", "setInterval(() => undefined, 1e6)"]],
    ["limit: python3, nothing loaded", "/usr/bin/python3", ["-c", "import time; time.sleep(1e6)"]],
  ];
  const rows: Row[] = [];
  for (const [who, command, args] of programs) {
    const program = await startProgram(command, args);
    await sleep(lookMs);
    rows.push({ who, "at rest": `${whole(residentMiB(program.pid))} MiB`, peak: `${whole(peakMiB(program.pid))} MiB` });
    await program.stop();
  }
  return rows;
}
