// `beat list`: every entry with its last and next run, by the word of the running beat or else of files and record.
import type { EntryReport, RemoteSteering } from "../beat/steer/steering.ts";
import { type Instant, systemClock } from "../clock.ts";
import { maskUrl } from "../redis/url.ts";
import { fromBeatOrHere, nameOf, type SteerOptions } from "./contact.ts";
import { jsonOf, nextText, reportsHere } from "./entry-report.ts";
import { openProject } from "./open.ts";
import { relativeTime, table } from "./print.ts";
import { readStates, recordPath } from "./record.ts";

export interface ListOptions extends SteerOptions {
  /** Only names that contain this. */
  readonly match?: string;
}

interface Listing {
  readonly reports: readonly EntryReport[];
  /** Whose word it is. */
  readonly from: "beat" | "record";
  readonly note: string;
}

/** Rows asked for at once. */
const pageSize = 500;

export async function listCommand(options: ListOptions): Promise<number> {
  const { reports, from, note } = await gather(options);
  if (options.json === true) {
    process.stdout.write(reports.map((report) => `${JSON.stringify({ ...jsonOf(report), from })}\n`).join(""));
    return 0;
  }
  process.stderr.write(`beat: ${note}\n`);
  process.stdout.write(text(reports, systemClock.now()));
  return 0;
}

/** All entries of the running beat. One that comes or goes between two pages may be missed. */
export async function listAll(steering: RemoteSteering, match?: string): Promise<readonly EntryReport[]> {
  const reports: EntryReport[] = [];
  for (;;) {
    const wanted = match === undefined ? {} : { match };
    const { total, rows } = await steering.list({ ...wanted, offset: reports.length, limit: pageSize });
    reports.push(...rows);
    if (rows.length === 0 || reports.length >= total) return reports;
  }
}

async function gather(options: ListOptions): Promise<Listing> {
  return fromBeatOrHere<Listing>(options, {
    beat: async (beat) => {
      const reports = await listAll(beat.steering, options.match);
      return { reports, from: "beat", note: `told by ${nameOf(beat)}` };
    },
    here: async (inHere, why) => {
      const { entries, app } = await openProject(inHere);
      const reports = reportsHere(entries, await readStates(inHere, app), systemClock.now());
      const wanted = [...reports.values()].filter(({ entry }) => entry.includes(options.match ?? ""));
      const note = `${why}; from the schedule's files and the record ${maskUrl(recordPath(inHere, app.conf))}`;
      return { reports: wanted, from: "record", note };
    },
  });
}

const heads = ["ENTRY", "TASK", "SCHEDULE", "LAST", "NEXT", "RUNS", "MISSED", "SKIPPED", "FAILED"];

function text(reports: readonly EntryReport[], now: Instant): string {
  if (reports.length === 0) return "no entries\n";
  const rows = reports.map((report) => [
    report.entry,
    report.task,
    report.schedule,
    report.lastDueAt === null ? "never" : relativeTime(report.lastDueAt, now),
    nextText(report, now),
    ...[report.runs, report.missed, report.skipped, report.failed].map(String),
  ]);
  return table([heads, ...rows]);
}
