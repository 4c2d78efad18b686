// How late is the one message of a second, on a machine that has nothing else to do, and what does beat cost meanwhile: by
// itself, and among N daily entries of which none is due? Beside it a bare timer, and Celery beat.
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { sleepUntil as reach, systemClock } from "../src/clock.ts";
import { awaitMessages, queue } from "./stage/arrivals.ts";
import { type Beat, isLeading, prepareStage, type Stage, startCelery, startOurs } from "./stage/contestants.ts";
import { cpuMs } from "./stage/process-cost.ts";
import { celeryProject, celeryDaily, daily, type EntryText, writeSchedules } from "./stage/schedule-files.ts";
import { quantile } from "./stage/statistics.ts";
import { printTable, progress, type Row, whole } from "./stage/table.ts";
import { sleep, sleepUntil } from "./stage/wall-clock.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "60" },
    celery: { type: "string", default: "10000" },
    "settle-seconds": { type: "string", default: "75" },
  },
});
const [atRest = 100_000] = positionals.map(Number);
const runs = Number(values.runs);
const celeryAtRest = Number(values.celery);
/** Of the lateness after a start the first runs are of the start. */
const warmUpRuns = 3;
/** The rows are folded and the heap is tidied in the first minute; after that beat is at rest. */
const settleMs = Number(values["settle-seconds"]) * 1000;
const secondMs = 1000;

const everySecond: EntryText = { schedule: '"* * * * * *"' };
const inSecond = (arrivedAt: readonly number[]): readonly number[] => arrivedAt.map((at) => at % secondMs);
/** Celery counts an interval from when it sent the last one, so each is late by what it came after that. */
const sinceLast = (arrivedAt: readonly number[]): readonly number[] =>
  arrivedAt.slice(1).map((at, index) => at - (arrivedAt[index] ?? 0) - secondMs);
/** Ours are on a grid that begins where the entry was first seen: the earliest of them is nearest to it. */
const onGrid = (arrivedAt: readonly number[]): readonly number[] => {
  const phases = arrivedAt.map((at) => at - (arrivedAt[0] ?? 0));
  const off = phases.map((phase) => phase - Math.round(phase / secondMs) * secondMs);
  return off.map((ms) => ms - Math.min(...off));
};

const rows: Row[] = [];
rows.push(await withoutBeat("limit: setTimeout and LPUSH", sleepUntil));
rows.push(await withoutBeat("limit: turns of the loop and LPUSH", (at) => reach(systemClock, at, Infinity)));
rows.push(await ofOurs("lovage, crontab of each second", 0, everySecond, inSecond));
rows.push(await ofOurs("lovage, every second, against the earliest", 0, { schedule: "1s" }, onGrid));
rows.push(await ofOurs("lovage, crontab of each second", atRest, everySecond, inSecond));
rows.push(await ofOurs("lovage, nothing due", atRest, daily(0), null));
if (celeryAtRest > 0) {
  rows.push(await ofCelery(0));
  rows.push(await ofCelery(celeryAtRest));
}
printTable(rows);

type LatenessOf = ((arrivedAt: readonly number[]) => readonly number[]) | null;

async function ofOurs(who: string, rest: number, entry: EntryText, latenessOf: LatenessOf): Promise<Row> {
  progress(`${who}, ${whole(rest)} daily`);
  await using stage = await prepareStage();
  const path = stage.folder.file("schedules.yaml");
  await writeSchedules(path, rest + 1, (index) => (index === 0 ? entry : daily(index)));
  await using beat = await startOurs(stage);
  await isLeading(beat);
  return await observe({ who, rest, latenessOf }, stage, beat);
}

async function ofCelery(rest: number): Promise<Row> {
  const who = "Celery beat, every second, from the one before";
  progress(`${who}, ${whole(rest)} daily`);
  await using stage = await prepareStage();
  const often = 'app.conf.beat_schedule["often"] = {"task": "proj.often", "schedule": 1.0}';
  await using beat = await startCelery(stage, celeryProject(rest, celeryDaily(), often));
  return await observe({ who, rest, latenessOf: sinceLast }, stage, beat);
}

async function observe(
  of: { readonly who: string; readonly rest: number; readonly latenessOf: LatenessOf },
  { redis }: Stage,
  { pid }: Beat,
): Promise<Row> {
  if (of.rest > 0) await sleep(settleMs);
  else if (of.latenessOf !== null) await awaitMessages(redis, warmUpRuns);
  await redis.client().del(queue);
  const before = cpuMs(pid);
  const startedAt = performance.now();
  const late = of.latenessOf === null ? await sleep(runs * secondMs) : of.latenessOf(await awaitMessages(redis, runs));
  const share = (cpuMs(pid) - before) / (performance.now() - startedAt);
  return rowOf(of, late ?? [], share);
}

/** What the machine adds by itself: a process, this one, that waits for the second and pushes one message. */
async function withoutBeat(who: string, waitUntil: (at: number) => Promise<void>): Promise<Row> {
  progress(who);
  await using stage = await prepareStage();
  const client = new Redis({ port: stage.redis.port });
  const arrived = awaitMessages(stage.redis, runs);
  const firstAt = Math.ceil(Date.now() / secondMs) * secondMs + secondMs;
  for (let run = 0; run < runs; run += 1) {
    await waitUntil(firstAt + run * secondMs);
    await client.lpush(queue, "due");
  }
  client.disconnect();
  return rowOf({ who, rest: 0 }, inSecond(await arrived), null);
}

function rowOf(
  { who, rest }: { readonly who: string; readonly rest: number },
  late: readonly number[],
  share: number | null,
): Row {
  const of = (part: number): string => (late.length === 0 ? "" : `${quantile(late, part).toFixed(2)} ms`);
  return {
    who,
    "daily entries at rest": whole(rest),
    runs: late.length === 0 ? "" : whole(late.length),
    p50: of(0.5),
    p99: of(0.99),
    worst: of(1),
    "CPU share": share === null ? "" : `${(share * 100).toFixed(2)} %`,
  };
}
