// `beat history ENTRY`: its last runs, and what became of each.
import { systemClock } from "../clock.ts";
import type { Run } from "../store/store.ts";
import { fromBeatOrHere, type SteerOptions } from "./contact.ts";
import { jsonOfRun } from "./entry-report.ts";
import { findEntry } from "./find-entry.ts";
import { openProject } from "./open.ts";
import { localTime, relativeTime, table } from "./print.ts";
import { readRecord } from "./record.ts";

export interface HistoryOptions extends SteerOptions {
  readonly count: number;
}

interface History {
  readonly runs: readonly Run[];
  readonly timezone: string;
}

export async function historyCommand(entry: string, options: HistoryOptions): Promise<number> {
  const { runs, timezone } = await read(entry, options);
  const isJson = options.json === true;
  process.stdout.write(isJson ? runs.map(jsonLine).join("") : text(entry, runs, timezone));
  return 0;
}

/** The history of an entry outlives it for a while. */
async function read(name: string, options: HistoryOptions): Promise<History> {
  const { count } = options;
  return fromBeatOrHere<History>(options, {
    beat: async ({ steering }) => {
      const runs = await steering.history(name, count);
      const entry = await steering.show(name).catch((error: unknown) => {
        if (runs.length === 0) throw error;
        return { timezone: "UTC" };
      });
      return { runs, timezone: entry.timezone };
    },
    here: async (inHere) => {
      const { entries, app } = await openProject(inHere);
      const runs = (await readRecord(inHere, app, (record) => record.history(name, count))) ?? [];
      const byName = new Map(entries.map((entry) => [entry.name, entry]));
      const entry = runs.length > 0 ? byName.get(name) : findEntry(byName, name);
      return { runs, timezone: entry?.timezone ?? app.conf.timezone };
    },
  });
}

function jsonLine(run: Run): string {
  return `${JSON.stringify({ entry: run.entry, ...jsonOfRun(run) })}\n`;
}

function text(entry: string, runs: readonly Run[], timezone: string): string {
  if (runs.length === 0) return `${entry} has not run yet\n`;
  const now = systemClock.now();
  const rows = runs.map(({ dueAt, at, outcome, taskId, reason }) => [
    localTime(dueAt, timezone),
    relativeTime(at, now),
    outcome,
    taskId ?? "-",
    reason ?? "",
  ]);
  return table([["DUE", "SETTLED", "OUTCOME", "TASK ID", "REASON"], ...rows]);
}
