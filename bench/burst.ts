// How late is the last of N messages that are due on one instant? Ours with the exactly-once guard and its record, from the
// instant to the message being readable in Redis; beside it the limits of the machine, and Celery beat where it can.
import { parseArgs } from "node:util";
import type { RedisServer } from "../test/helper/redis.ts";
import { type Lateness, queue, watchBurst } from "./stage/arrivals.ts";
import { type Beat, isLeading, prepareStage, startCelery, startOurs } from "./stage/contestants.ts";
import { redisBenchmark, startReadyMade } from "./stage/limits.ts";
import { cpuMs, peakMiB } from "./stage/process-cost.ts";
import * as schedules from "./stage/schedule-files.ts";
import { median, quantile } from "./stage/statistics.ts";
import { printTable, progress, type Row, span, whole } from "./stage/table.ts";
import { sleepUntil } from "./stage/wall-clock.ts";

interface Burst extends Lateness {
  readonly cpuMs: number;
  readonly peakMiB: number;
}

/** Bursts of the same kind: the first of each process, or those after it. */
interface Bursts {
  readonly due: number;
  readonly who: string;
  readonly state: "cold" | "warm";
  readonly bursts: readonly Burst[];
}

/** Beat makes messages some seconds before they are due. */
const aheadMs = 5000;

type EntryOf = (index: number) => schedules.EntryText;

const kinds: Readonly<Record<string, (dueAts: readonly number[]) => EntryOf>> = {
  "lovage, one crontab": (dueAts) => {
    const shared = schedules.sharedCrontab(dueAts);
    return () => shared;
  },
  "lovage, 1,000 crontabs in ten zones": (dueAts) => {
    const distinct = schedules.thousandCrontabs(dueAts);
    return (index) => distinct[index % distinct.length] ?? { schedule: "" };
  },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    warm: { type: "string" },
    only: { type: "string", default: "" },
    celery: { type: "string", multiple: true, default: ["1000"] },
  },
});
const counts = positionals.length === 0 ? [1000, 10_000, 100_000] : positionals.map(Number);
const roundsOf = (count: number): number => Number(values.rounds ?? (count <= 10_000 ? 3 : 1));
const warmOf = (count: number): number => Number(values.warm ?? (count <= 100_000 ? 2 : 0));

const rows: Row[] = [];
for (const count of counts) {
  let sample = "";
  for (const [who, entriesOf] of Object.entries(kinds)) {
    if (!who.includes(values.only)) continue;
    const rounds: (readonly Burst[])[] = [];
    for (let round = 1; round <= roundsOf(count); round += 1) {
      progress(`${who}: ${whole(count)}, process ${round} of ${roundsOf(count)}`);
      const { bursts, message } = await burstsOfOurs(count, entriesOf);
      rounds.push(bursts);
      sample = message;
    }
    rows.push(...coldAndWarm({ due: count, who }, rounds));
  }
  rows.push(...(await limits(count, sample)));
}
for (const count of values.celery.map(Number).filter((number) => number > 0)) {
  progress(`Celery beat: ${whole(count)}, two minutes`);
  rows.push(...coldAndWarm({ due: count, who: "Celery beat" }, [await burstsOfCelery(count)]));
}
printTable(rows);

async function burstsOfOurs(
  count: number,
  entriesOf: (dueAts: readonly number[]) => EntryOf,
): Promise<{ readonly bursts: readonly Burst[]; readonly message: string }> {
  await using stage = await prepareStage();
  const dueAts = schedules.planBursts(1 + warmOf(count), apartMs(count), 8000 + count / 8);
  await schedules.writeSchedules(stage.folder.file("schedules.yaml"), count, entriesOf(dueAts));
  await using beat = await startOurs(stage);
  await isLeading(beat);
  if (Date.now() > (dueAts[0] ?? 0) - aheadMs) throw new Error("beat took too long to start: too late for the burst");
  const bursts: Burst[] = [];
  let message = "";
  for (const dueAt of dueAts) {
    bursts.push(await oneBurst(stage.redis, beat, { count, dueAt, patienceMs: 120_000 }));
    message = await takeAway(stage.redis, count);
  }
  return { bursts, message };
}

/** So that what follows a burst, writing it down above all, is over before the next. */
function apartMs(count: number): number {
  return count <= 10_000 ? 10_000 : 20_000;
}

async function burstsOfCelery(count: number): Promise<readonly Burst[]> {
  await using stage = await prepareStage();
  const minuteMs = 60_000;
  const dueAt = Math.ceil((Date.now() + 10_000) / minuteMs) * minuteMs;
  await using beat = await startCelery(stage, schedules.celeryProject(count, 'crontab(minute="*")'));
  const watched = { count, patienceMs: minuteMs - 1000 };
  const bursts: Burst[] = [];
  for (const at of [dueAt, dueAt + minuteMs]) {
    bursts.push(await oneBurst(stage.redis, beat, { ...watched, dueAt: at }));
    await stage.redis.client().unlink(queue);
  }
  return bursts;
}

/** From before its messages are made until it is written down. */
async function oneBurst(
  redis: RedisServer,
  beat: Beat,
  burst: { readonly count: number; readonly dueAt: number; readonly patienceMs: number },
): Promise<Burst> {
  await sleepUntil(burst.dueAt - aheadMs);
  const before = cpuMs(beat.pid);
  const lateness = await watchBurst(redis, burst);
  await sleepUntil(burst.dueAt + Math.min(3 * lateness.lastMs, 10_000) + 1000);
  return { ...lateness, cpuMs: cpuMs(beat.pid) - before, peakMiB: peakMiB(beat.pid) };
}

/** Empties the queue; resolves with one of its messages. There must be just as many as were due. */
async function takeAway(redis: RedisServer, count: number): Promise<string> {
  const client = redis.client();
  const depth = await client.llen(queue);
  if (depth !== count) throw new Error(`${depth} messages are in the queue, and ${count} were due`);
  const [message = ""] = await client.lrange(queue, 0, 0);
  await client.unlink(queue);
  client.disconnect();
  return message;
}

/** The same burst by a process that has all messages made, and what redis-benchmark would need for as many. */
async function limits(count: number, message: string): Promise<readonly Row[]> {
  await using stage = await prepareStage();
  const { redis } = stage;
  const rounds: (readonly Burst[])[] = [];
  for (let round = 1; round <= roundsOf(count); round += 1) {
    progress(`ready-made messages: ${whole(count)}, process ${round} of ${roundsOf(count)}`);
    const dueAts = schedules.planBursts(1 + warmOf(count), apartMs(count), 4000);
    const child = await startReadyMade({ port: redis.port, key: queue, message, count, dueAts });
    const bursts: Burst[] = [];
    for (const dueAt of dueAts) {
      bursts.push({ ...(await watchBurst(redis, { count, dueAt, patienceMs: 60_000 })), cpuMs: 0, peakMiB: 0 });
      await redis.client().unlink(queue);
    }
    await child.stop();
    rounds.push(bursts);
  }
  const rate = await redisBenchmark(redis, message.length);
  const benchmark = { due: whole(count), who: "redis-benchmark -P 500", last: span((count / rate) * 1000) };
  const made = coldAndWarm({ due: count, who: `ready-made, ${whole(message.length)} bytes` }, rounds);
  return [...made, { ...benchmark, "messages/s": whole(rate) }];
}

function coldAndWarm(of: Pick<Bursts, "due" | "who">, rounds: readonly (readonly Burst[])[]): readonly Row[] {
  const cold = rounds.flatMap((bursts) => bursts.slice(0, 1));
  const warm = rounds.flatMap((bursts) => bursts.slice(1));
  const both = [rowOf({ ...of, state: "cold", bursts: cold })];
  return warm.length === 0 ? both : [...both, rowOf({ ...of, state: "warm", bursts: warm })];
}

function costOf(bursts: readonly Burst[]): Row {
  const peak = `${whole(median(bursts.map((burst) => burst.peakMiB)))} MiB`;
  return { CPU: span(median(bursts.map((burst) => burst.cpuMs))), peak };
}

function rowOf({ due, who, state, bursts }: Bursts): Row {
  const middle = (pick: (burst: Burst) => number): number => median(bursts.map(pick));
  const last = middle(({ lastMs }) => lastMs);
  const arrived = middle((burst) => burst.arrived);
  const isWhole = arrived === due;
  return {
    due: whole(due),
    who,
    bursts: `${bursts.length} ${state}`,
    first: span(middle(({ firstMs }) => firstMs)),
    p50: span(middle(({ p50Ms }) => p50Ms)),
    p99: span(middle(({ p99Ms }) => p99Ms)),
    last: isWhole ? span(last) : `${whole(arrived)} in a minute`,
    "worst last": span(
      quantile(
        bursts.map(({ lastMs }) => lastMs),
        1,
      ),
    ),
    "messages/s": whole(isWhole ? (due / last) * 1000 : arrived / 60),
    ...(bursts.some((burst) => burst.peakMiB > 0) ? costOf(bursts) : {}),
  };
}
