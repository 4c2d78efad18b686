// `beat import-last-runs`: what Celery's beat had sent so far goes into the beat-record, so that moving over repeats nothing
// and forgets nothing.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { isCurrent } from "../beat/standing.ts";
import { neverRun } from "../store/changes.ts";
import { type Instant, systemClock } from "../clock.ts";
import { didYouMean, LovageError, messageOf } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState } from "../store/store.ts";
import { openProject } from "./open.ts";
import type { ScheduleOptions } from "./options.ts";
import { openRecord } from "./record.ts";

const time = z.iso.datetime({ offset: true, error: "wants a time with an offset, such as 2026-11-21T07:30:00Z" });
const lastRun = z.object({ last_run_at: time, total_run_count: z.number().int().min(0).default(0) });
const fileSchema = z.object({ last_runs: z.record(z.string(), lastRun) });

type LastRuns = z.output<typeof fileSchema>["last_runs"];

/** What to write, and a line for each last run that is not written: why. */
export interface Import {
  readonly states: readonly EntryState[];
  readonly left: readonly string[];
}

export async function importLastRuns(
  file: string,
  options: ScheduleOptions & { readonly scheduler?: string },
): Promise<number> {
  const { entries, app } = await openProject(options);
  const lastRuns = readLastRuns(file);
  const store = await openRecord(options, app, { emit: () => undefined, clock: systemClock });
  try {
    const { entries: states } = await store.load();
    const { states: written, left } = takeOver(lastRuns, { entries, states, now: systemClock.now() });
    await store.record({ states: written });
    for (const line of left) process.stderr.write(`beat: left out: ${line}\n`);
    process.stdout.write(
      `${written.length} of ${Object.keys(lastRuns).length} last runs are in ${store.location} now\n`,
    );
    return left.length === 0 ? 0 : 1;
  } finally {
    await store.close();
  }
}

/** @throws LovageError (`usage`) when the file cannot be read or is no list of last runs */
function readLastRuns(file: string): LastRuns {
  const hint =
    "export_beat_schedule.py -A proj --last-runs celerybeat-schedule writes it; see docs/moving-from-celery-beat.md";
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new LovageError("usage", `cannot read ${file}: ${messageOf(error)}`, { hint });
  }
  const read = fileSchema.safeParse(data);
  if (read.success) return read.data.last_runs;
  const [issue] = read.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new LovageError("usage", `${file} is no file of last runs: ${place}${issue?.message ?? "it is empty"}`, {
    hint,
  });
}

export interface Known {
  readonly entries: readonly Entry[];
  readonly states: ReadonlyMap<string, EntryState>;
  readonly now: Instant;
}

/** Never back in time: what our own beat has settled since stays. */
export function takeOver(lastRuns: LastRuns, { entries, states, now }: Known): Import {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const written: EntryState[] = [];
  const left: string[] = [];
  for (const [name, { last_run_at, total_run_count: runs }] of Object.entries(lastRuns)) {
    const entry = byName.get(name);
    const lastAt = Date.parse(last_run_at);
    const before = states.get(name);
    if (entry === undefined) left.push(`${name}: ${unknownEntry(name, byName.keys())}`);
    else if (lastAt > now) left.push(`${name}: its last run, ${last_run_at}, is ahead of this machine's clock`);
    else if (isCurrent(entry, before) && before.settledAt >= lastAt) left.push(`${name}: beat has come further since`);
    else written.push(stateOf(entry, before, { lastAt, runs }));
  }
  return { states: written, left };
}

/** Celery keeps when it sent; where an entry never ran, when it first saw it. */
function stateOf(
  { name, scheduleHash }: Entry,
  before: EntryState | undefined,
  { lastAt, runs }: { readonly lastAt: Instant; readonly runs: number },
): EntryState {
  const ran = runs === 0 ? {} : { lastDueAt: lastAt, lastSentAt: lastAt, runs };
  return { ...neverRun, ...before, ...ran, name, scheduleHash, anchorAt: lastAt, settledAt: lastAt };
}

function unknownEntry(name: string, known: Iterable<string>): string {
  const meant = didYouMean(name, known);
  return meant === null ? "there is no such entry" : `there is no such entry (did you mean ${meant}?)`;
}
