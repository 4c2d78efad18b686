// `beat history ENTRY`: its last runs, and what became of each.
import { systemClock } from "../clock.ts";
import type { Run } from "../store/store.ts";
import { reachBeat, type SteerOptions, stayInWorkdir } from "./contact.ts";
import { findEntry } from "./find-entry.ts";
import { openProject } from "./open.ts";
import { isoTime, localTime, relativeTime, table } from "./print.ts";
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

async function read(entry: string, options: HistoryOptions): Promise<History> {
  const contact = await reachBeat(options);
  if (contact === null) return readHere(entry, stayInWorkdir(options));
  try {
    const { timezone } = await contact.steering.show(entry);
    return { timezone, runs: await contact.steering.history(entry, options.count) };
  } finally {
    await contact.close();
  }
}

/** The history of an entry outlives it for a while. */
async function readHere(name: string, options: HistoryOptions): Promise<History> {
  const { entries, app } = await openProject(options);
  const runs = (await readRecord(options, app, (record) => record.history(name, options.count))) ?? [];
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (runs.length > 0) return { runs, timezone: byName.get(name)?.timezone ?? app.conf.timezone };
  return { runs, timezone: findEntry(byName, name).timezone };
}

function jsonLine({ entry, dueAt, at, outcome, taskId, reason }: Run): string {
  const times = { due_at: isoTime(dueAt), at: isoTime(at) };
  return `${JSON.stringify({ entry, ...times, outcome, task_id: taskId, reason })}\n`;
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
