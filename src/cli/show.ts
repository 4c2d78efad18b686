// `beat show ENTRY`: all that is known of one entry, from the running beat, the record, the files and the result backend.
import { anchored } from "../beat/standing.ts";
import type { EntryReport } from "../beat/steering.ts";
import { type Instant, systemClock } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Run } from "../store/store.ts";
import { reachBeat, type SteerOptions, stayInWorkdir } from "./contact.ts";
import { jsonOf, reportOf } from "./entry-report.ts";
import { entryText, type Upcoming } from "./entry-text.ts";
import { dstNote } from "./dst-note.ts";
import { findEntry } from "./find-entry.ts";
import { openApp, openProject, type Project } from "./open.ts";
import { isoTime, utcTime } from "./print.ts";
import { readRecord } from "./record.ts";
import { stateOf } from "./task-state.ts";

export interface Shown {
  readonly report: EntryReport;
  readonly runs: readonly Run[];
  /** As the files here have it; null where they cannot be read, or say something else than what runs. */
  readonly entry: Entry | null;
  /** What there is to say of where this comes from. */
  readonly notes: readonly string[];
  readonly from: "beat" | "record";
  readonly next: readonly Upcoming[];
  /** Of the last run; null where results are not kept, or nothing is known of it. */
  readonly lastState: string | null;
}

type Told = Pick<Shown, "report" | "runs" | "entry" | "notes" | "from">;

/** Runs that are looked through for reasons. */
const runsRead = 100;
const nextShown = 5;

export async function showCommand(name: string, options: SteerOptions): Promise<number> {
  const told = await tell(name, options);
  const { app } = await openApp(stayInWorkdir(options));
  const lastState = await stateOf(app, told.report.lastTaskId);
  const shown: Shown = { ...told, next: upcoming(told), lastState };
  const now = systemClock.now();
  process.stdout.write(options.json === true ? `${JSON.stringify(jsonShown(shown))}\n` : entryText(shown, now));
  return 0;
}

async function tell(name: string, options: SteerOptions): Promise<Told> {
  const contact = await reachBeat(options);
  if (contact === null) return tellFromFiles(name, stayInWorkdir(options));
  try {
    const { steering, label } = contact;
    const [report, runs] = [await steering.show(name), await steering.history(name, runsRead)];
    const files = await entryHere(report, stayInWorkdir(options));
    const notes = [`the running beat ${label}`, ...(files.note === null ? [] : [files.note])];
    return { report, runs, entry: files.entry, notes, from: "beat" };
  } finally {
    await contact.close();
  }
}

async function tellFromFiles(name: string, options: SteerOptions): Promise<Told> {
  const project = await openProject(options);
  const entry = findEntry(byName(project), name);
  const read = await readRecord(options, project.app, async (record) => ({
    states: (await record.load()).entries,
    runs: await record.history(name, runsRead),
  }));
  const report = reportOf(entry, read?.states.get(name), systemClock.now());
  const notes = ["no beat answers; from files and record"];
  return { report, runs: read?.runs ?? [], entry, notes, from: "record" };
}

interface EntryHere {
  readonly entry: Entry | null;
  readonly note: string | null;
}

/** A beat elsewhere may run other files than those here, or there may be none here. */
async function entryHere(report: EntryReport, options: SteerOptions): Promise<EntryHere> {
  try {
    const entry = byName(await openProject(options)).get(report.entry);
    if (entry === undefined) return { entry: null, note: "the files here do not have this entry" };
    const shown = entry.schedule.describe();
    if (shown === report.schedule) return { entry, note: null };
    return { entry: null, note: `the files here have it otherwise: ${shown}` };
  } catch (error) {
    const [line = ""] = messageOf(error).split("\n");
    return { entry: null, note: `the files here cannot tell more: ${line}` };
  }
}

function byName({ entries }: Project): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/** The grid of an interval goes through its next run. */
function upcoming({ report, entry }: Told): readonly Upcoming[] {
  const { nextAt, runs } = report;
  if (nextAt === null) return [];
  if (entry === null) return [{ at: nextAt, note: null }];
  const schedule = anchored(entry.schedule, nextAt);
  const most = Math.min(nextShown, (entry.maxRuns ?? Number.POSITIVE_INFINITY) - runs);
  const found: Upcoming[] = [];
  for (let at: Instant | null = nextAt; at !== null && found.length < most; at = schedule.next(at)) {
    found.push({ at, note: dstNote(schedule, at, entry.timezone) });
  }
  return found;
}

function jsonShown({ report, runs, entry, next, lastState, from }: Shown): object {
  return {
    ...jsonOf(report),
    from,
    last_state: lastState,
    next: next.map(({ at, note }) => ({ at: utcTime(at), dst: note })),
    ...(entry === null ? {} : definition(entry)),
    history: runs.map(({ dueAt, at, outcome, taskId, reason }) => ({
      due_at: isoTime(dueAt),
      at: isoTime(at),
      outcome,
      task_id: taskId,
      reason,
    })),
  };
}

function definition(entry: Entry): object {
  const { args, kwargs, options, missed, missedWithinMs, overlap, overlapLimitMs, jitterMs, maxRuns, ping } = entry;
  const policies = { missed, missed_within_ms: missedWithinMs, overlap, overlap_limit_ms: overlapLimitMs };
  return { args, kwargs, options, ...policies, jitter_ms: jitterMs, max_runs: maxRuns, ping };
}
