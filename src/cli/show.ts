// `beat show ENTRY`: all that is known of one entry, from the running beat, the record, the files and the result backend.
import { anchored } from "../beat/standing.ts";
import type { EntryReport } from "../beat/steer/steering.ts";
import { type Instant, systemClock } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState, Run } from "../store/store.ts";
import { fromBeatOrHere, inWorkdir, nameOf, type SteerOptions } from "./contact.ts";
import { jsonOf, jsonOfRun, reportsHere } from "./entry-report.ts";
import { entryText, type Upcoming, shownPing } from "./entry-text.ts";
import { dstNote } from "./dst-note.ts";
import { findEntry } from "./find-entry.ts";
import { openApp, openProject, type Project } from "./open.ts";
import { utcTime } from "./print.ts";
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
  const { app } = await openApp(inWorkdir(options));
  const lastState = await stateOf(app, told.report.lastTaskId);
  const now = systemClock.now();
  const shown: Shown = { ...told, next: upcoming(told, now), lastState };
  process.stdout.write(options.json === true ? `${JSON.stringify(jsonShown(shown))}\n` : entryText(shown, now));
  return 0;
}

async function tell(name: string, options: SteerOptions): Promise<Told> {
  return fromBeatOrHere<Told>(options, {
    beat: async (beat) => {
      const report = await beat.steering.show(name);
      const runs = await beat.steering.history(name, runsRead);
      const { entry, note } = await entryHere(report, inWorkdir(options));
      return { report, runs, entry, notes: [nameOf(beat), ...(note === null ? [] : [note])], from: "beat" };
    },
    here: async (inHere, why) => {
      const project = await openProject(inHere);
      const entry = findEntry(byName(project), name);
      const read = await readRecord(inHere, project.app, async (record) => ({
        states: (await record.load()).entries,
        runs: await record.history(name, runsRead),
      }));
      const report = reportHere(entry, read?.states.get(name));
      return { report, runs: read?.runs ?? [], entry, notes: [`files and record: ${why}`], from: "record" };
    },
  });
}

function reportHere(entry: Entry, state: EntryState | undefined): EntryReport {
  const states = new Map(state === undefined ? [] : [[entry.name, state]]);
  return findEntry(reportsHere([entry], states, systemClock.now()), entry.name);
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
function upcoming({ report, entry }: Told, now: Instant): readonly Upcoming[] {
  const { nextAt, runs } = report;
  if (nextAt === null) return [];
  if (entry === null) return [{ at: nextAt, note: null }];
  const schedule = anchored(entry.schedule, nextAt);
  const most = Math.min(nextShown, (entry.maxRuns ?? Number.POSITIVE_INFINITY) - runs);
  const found: Upcoming[] = [];
  // Of what is overdue the first is enough.
  for (let at: Instant | null = nextAt; at !== null && found.length < most; at = schedule.next(Math.max(at, now))) {
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
    history: runs.map(jsonOfRun),
  };
}

function definition(entry: Entry): object {
  const { args, kwargs, options, missed, missedWithinMs, overlap, overlapLimitMs, jitterMs, maxRuns, ping } = entry;
  const policies = {
    missed_policy: missed,
    missed_within_ms: missedWithinMs,
    overlap,
    overlap_limit_ms: overlapLimitMs,
  };
  return { args, kwargs, options, ...policies, jitter_ms: jitterMs, max_runs: maxRuns, ping: ping && shownPing(ping) };
}
