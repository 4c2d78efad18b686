// Does a message come later because a file of 100,000 entries is read again while it is due? Bursts of ours with and without
// an edit of the file just before, in turn, by one and the same beat.
import { rename, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { RedisServer } from "../test/helper/redis.ts";
import { temporaryFolder } from "../test/helper/temporary-folder.ts";
import { waitUntil } from "../test/helper/wait.ts";
import { type Lateness, queue, watchBurst } from "./stage/arrivals.ts";
import { alive, type Beat, isLeading, prepareStage, startOurs } from "./stage/contestants.ts";
import { burstEveryMs, type Edition, edits, firstEdition, textOf } from "./stage/editions.ts";
import { median, quantile } from "./stage/statistics.ts";
import { printTable, progress, type Row, span, whole } from "./stage/table.ts";
import { sleepUntil } from "./stage/wall-clock.ts";

/** A row of the table: what is edited, and how long before the due instant. */
interface Kind {
  readonly edit: string | null;
  readonly beforeMs: number;
}

interface Burst extends Lateness {
  /** When beat said that the file was taken or refused, from the due instant. */
  readonly endedMs: number;
}

interface Trial {
  readonly redis: RedisServer;
  readonly beat: Beat;
  readonly count: number;
  /** Where a new edition is written, and the file it takes the place of. */
  readonly draft: string;
  readonly file: string;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    "at-rest": { type: "string", default: "100000" },
    "before-ms": { type: "string", multiple: true, default: ["5000", "500"] },
    only: { type: "string", default: "" },
  },
});
const counts = positionals.length === 0 ? [10_000] : positionals.map(Number);
const rounds = Number(values.rounds);
const atRest = Number(values["at-rest"]);
/** So much earlier in one round, later in the next: the instant falls on one part of the reload, then on another. */
const shiftMs = 200;
/** To empty the queue in, before the file is replaced. */
const pauseMs = 300;

const none: Kind = { edit: null, beforeMs: 0 };
const chosen = Object.keys(edits).filter((edit) => edit.includes(values.only));
// The earliest first: one that is replaced just before the instant may be at work until the next must be replaced.
const earliestFirst = values["before-ms"].map(Number).toSorted((left, right) => right - left);
const kinds: readonly Kind[] = [
  none,
  ...earliestFirst.flatMap((beforeMs) => chosen.map((edit) => ({ edit, beforeMs }))),
];

const rows: Row[] = [];
for (const count of counts) rows.push(...(await ofSize(count)));
printTable(rows);

async function ofSize(count: number): Promise<readonly Row[]> {
  await using stage = await prepareStage();
  // In a folder that beat does not watch.
  await using drafts = temporaryFolder();
  const [draft, file] = [drafts.file("schedules.yaml"), stage.folder.file("schedules.yaml")];
  const size = { due: count, atRest };
  let edition = firstEdition;
  await writeFile(file, textOf(size, edition));
  await using beat = await startOurs(stage);
  await isLeading(beat);
  const trial: Trial = { redis: stage.redis, beat, count, draft, file };
  progress(`${whole(count)}: a burst to warm up`);
  await oneBurst(trial, none);
  const burstsOf = new Map<Kind, Burst[]>(kinds.map((kind) => [kind, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const kind of kinds) {
      progress(`${whole(count)}, round ${round} of ${rounds}: ${told(kind)}`);
      edition = edited(edition, kind.edit);
      if (kind.edit !== null) await writeFile(draft, textOf(size, edition));
      const shift = kind.edit === null ? 0 : ((round % 3) - 1) * shiftMs;
      burstsOf.get(kind)?.push(await oneBurst(trial, { ...kind, beforeMs: kind.beforeMs + shift }));
    }
  }
  const usualMs = median((burstsOf.get(none) ?? []).map(({ lastMs }) => lastMs));
  return [...burstsOf].map(([kind, bursts]) => rowOf({ count, kind, bursts, usualMs }));
}

/** A mistake never came into force, so the next edition does not have it. */
function edited(edition: Edition, edit: string | null): Edition {
  return edits[edit ?? ""]?.({ ...edition, hasMistake: false }) ?? edition;
}

/** Resolves when all of the burst has come and the reload has ended. */
async function oneBurst({ redis, beat, count, draft, file }: Trial, { edit, beforeMs }: Kind): Promise<Burst> {
  const dueAt = Math.ceil((Date.now() + pauseMs + beforeMs) / burstEveryMs) * burstEveryMs;
  await sleepUntil(dueAt - beforeMs - pauseMs);
  await unlinkQueue(redis);
  await sleepUntil(dueAt - beforeMs);
  const saidBefore = beat.output().length;
  if (edit !== null) await rename(draft, file);
  const lateness = await watchBurst(redis, { count, dueAt, patienceMs: 60_000 });
  const endedMs = edit === null ? Number.NaN : (await reloadEnd(beat, saidBefore, edit)) - dueAt;
  await countAgain(redis, count, dueAt);
  return { ...lateness, endedMs };
}

async function unlinkQueue(redis: RedisServer): Promise<void> {
  const client = redis.client();
  await client.unlink(queue);
  client.disconnect();
}

/** The instant of the line which says that the file was taken or refused, by beat's own clock. */
async function reloadEnd(beat: Beat, saidBefore: number, edit: string): Promise<number> {
  const said = (): string => beat.output().slice(saidBefore);
  const [, day, time, milliseconds, not] = await waitUntil(
    () => alive(beat) && /\[(\S+) (\S+),(\d+): .* schedule: (not )?reloaded/.exec(said()),
    { what: "the reload to end", timeoutMs: 120_000, detail: beat.output },
  );
  if ((not !== undefined) !== edit.includes("mistake")) throw new Error(`not as expected after ${edit}:\n${said()}`);
  return new Date(`${day}T${time}.${milliseconds}`).getTime();
}

/** @throws when there are more messages, or less, than have become due by now */
async function countAgain(redis: RedisServer, count: number, dueAt: number): Promise<void> {
  const further = Math.floor((Date.now() - dueAt) / burstEveryMs);
  await sleepUntil(dueAt + further * burstEveryMs + 1000);
  const client = redis.client();
  const depth = await client.llen(queue);
  client.disconnect();
  const due = count * (1 + further);
  if (depth !== due) throw new Error(`${depth} messages are in the queue, and ${due} were due`);
}

function told(kind: Kind): string {
  return kind.edit === null ? "no reload" : `${kind.edit}, ${replaced(kind)}`;
}

function replaced({ edit, beforeMs }: Kind): string {
  return edit === null ? "" : `${signed(beforeMs)} before`;
}

function signed(ms: number): string {
  return ms < 0 ? `-${span(-ms)}` : span(ms);
}

function rowOf(of: {
  readonly count: number;
  readonly kind: Kind;
  readonly bursts: readonly Burst[];
  readonly usualMs: number;
}): Row {
  const { count, kind, bursts, usualMs } = of;
  const middle = (pick: (burst: Burst) => number): number => median(bursts.map(pick));
  const lasts = bursts.map(({ lastMs }) => lastMs);
  const worstMs = quantile(lasts, 1);
  return {
    due: whole(count),
    [`reload of ${whole(atRest)}`]: kind.edit ?? "none",
    "file replaced": replaced(kind),
    bursts: String(bursts.length),
    first: span(middle(({ firstMs }) => firstMs)),
    p50: span(middle(({ p50Ms }) => p50Ms)),
    p99: span(middle(({ p99Ms }) => p99Ms)),
    last: span(median(lasts)),
    "worst last": span(worstMs),
    "worst over none": signed(worstMs - usualMs),
    "reload ended": kind.edit === null ? "" : signed(middle(({ endedMs }) => endedMs)),
  };
}
