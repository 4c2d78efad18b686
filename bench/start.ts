// How long until beat does its work? From the start of the process to leading, and to the first message of an entry that is due
// all the time, among N daily ones; with no beat-record, and with that of the run before.
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { awaitMessages, queue } from "./stage/arrivals.ts";
import { type Beat, isLeading, prepareStage, type Stage, startCelery, startOurs } from "./stage/contestants.ts";
import { cpuMs, peakMiB } from "./stage/process-cost.ts";
import { celeryDaily, celeryProject, daily, writeSchedules } from "./stage/schedule-files.ts";
import { printTable, progress, type Row, span, whole } from "./stage/table.ts";
import { sleep } from "./stage/wall-clock.ts";
import { median } from "./stage/statistics.ts";

interface Start {
  readonly leadingMs: number;
  readonly firstMs: number;
  readonly cpuMs: number;
  readonly peakMiB: number;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, celery: { type: "string", default: "10000" } },
});
const counts = positionals.length === 0 ? [10_000, 100_000, 1_000_000] : positionals.map(Number);
const celeryCount = Number(values.celery);
const roundsOf = (count: number): number => Number(values.rounds ?? (count <= 100_000 ? 3 : 1));
/** Long enough to have written all down, as a beat that was not just started has. */
const settleMs = 3000;

const rows: Row[] = [];
for (const count of counts) {
  const readMs: number[] = [];
  const starts: Record<"fresh" | "existing", Start[]> = { fresh: [], existing: [] };
  for (let round = 1; round <= roundsOf(count); round += 1) {
    progress(`lovage: ${whole(count)}, round ${round} of ${roundsOf(count)}`);
    await using stage = await prepareStage();
    await writeOurs(stage, count);
    starts.fresh.push(await startOnce(stage, () => startOurs(stage), isLeading));
    starts.existing.push(await startOnce(stage, () => startOurs(stage), isLeading));
    readMs.push(readOnce(stage));
  }
  rows.push(rowOf("lovage", { count, record: "none" }, starts.fresh));
  rows.push(rowOf("lovage", { count, record: "of the run before" }, starts.existing));
  const limit = {
    who: "limit: node reads the file as one text and ends",
    entries: whole(count),
    starts: whole(readMs.length),
  };
  rows.push({ ...limit, "to the first message": span(median(readMs)), worst: span(Math.max(...readMs)) });
}
if (celeryCount > 0) {
  progress(`Celery beat: ${whole(celeryCount)}`);
  await using stage = await prepareStage();
  const often = 'app.conf.beat_schedule["often"] = {"task": "proj.often", "schedule": 0.1}';
  const project = celeryProject(celeryCount, celeryDaily(), often);
  const begin = (): Promise<Beat> => startCelery(stage, project);
  const fresh = await startOnce(stage, begin);
  const existing = await startOnce(stage, begin);
  rows.push(rowOf("Celery beat", { count: celeryCount, record: "none" }, [fresh]));
  rows.push(rowOf("Celery beat", { count: celeryCount, record: "of the run before" }, [existing]));
}
printTable(rows);

async function writeOurs({ folder }: Stage, count: number): Promise<void> {
  await writeSchedules(folder.file("schedules.yaml"), count, (index) =>
    index === 0 ? { schedule: "100ms" } : daily(index),
  );
}

async function startOnce(
  { redis }: Stage,
  begin: () => Promise<Beat>,
  ready: (beat: Beat) => Promise<void> = async () => undefined,
): Promise<Start> {
  await redis.client().del(queue);
  const first = awaitMessages(redis, 1);
  await using beat = await begin();
  await ready(beat);
  const leadingMs = Date.now() - beat.startedAt;
  const [firstAt = Number.NaN] = await first;
  const start = { leadingMs, firstMs: firstAt - beat.startedAt, cpuMs: cpuMs(beat.pid), peakMiB: peakMiB(beat.pid) };
  await sleep(settleMs);
  return start;
}

function readOnce({ folder }: Stage): number {
  const script = `require("node:fs").readFileSync(${JSON.stringify(folder.file("schedules.yaml"))}, "utf8")`;
  const startedAt = performance.now();
  execFileSync(process.execPath, ["-e", script]);
  return performance.now() - startedAt;
}

function rowOf(
  who: string,
  { count, record }: { readonly count: number; readonly record: string },
  starts: readonly Start[],
): Row {
  const middle = (pick: (start: Start) => number): number => median(starts.map(pick));
  return {
    who,
    entries: whole(count),
    "beat-record": record,
    starts: whole(starts.length),
    "to leading": who === "lovage" ? span(middle(({ leadingMs }) => leadingMs)) : "",
    "to the first message": span(middle(({ firstMs }) => firstMs)),
    worst: span(Math.max(...starts.map(({ firstMs }) => firstMs))),
    CPU: span(middle((start) => start.cpuMs)),
    peak: `${whole(middle((start) => start.peakMiB))} MiB`,
  };
}
