// `beat list`: every entry with its schedule, its last run from the beat-record, and its next.
import { neverRun, standing } from "../beat/standing.ts";
import { type Instant, systemClock } from "../clock.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState } from "../store/store.ts";
import { openProject } from "./open.ts";
import type { ScheduleOptions } from "./options.ts";
import { localTime, relativeTime, table } from "./print.ts";
import { peekRecord, recordPath } from "./record.ts";

interface Row {
  readonly entry: Entry;
  readonly state: EntryState | undefined;
  readonly nextAt: Instant | null;
}

export async function listCommand(options: ScheduleOptions & { readonly json?: boolean }): Promise<number> {
  const { entries, app } = await openProject(options);
  const states = await peekRecord(recordPath(options, app.conf));
  const now = systemClock.now();
  const rows = entries.map((entry) => row(entry, states.get(entry.name), now));
  process.stdout.write(options.json === true ? jsonLines(rows) : text(rows, now));
  return 0;
}

function row(entry: Entry, state: EntryState | undefined, now: Instant): Row {
  const { schedule, settledAt, runsLeft } = standing(entry, state, now);
  return { entry, state, nextAt: entry.enabled && runsLeft > 0 ? schedule.next(settledAt) : null };
}

function jsonLines(rows: readonly Row[]): string {
  return rows
    .map(({ entry, state, nextAt }) => {
      const { name, task, schedule, timezone, enabled, source } = entry;
      const { lastDueAt, lastSentAt, lastTaskId, runs, missed, failed } = { ...neverRun, ...state };
      const last = { last_due_at: isoTime(lastDueAt), last_sent_at: isoTime(lastSentAt), last_task_id: lastTaskId };
      const known = { ...last, runs, missed, failed };
      const plan = { entry: name, task, schedule: schedule.describe(), timezone, enabled, next_at: isoTime(nextAt) };
      return `${JSON.stringify({ ...plan, ...known, source })}\n`;
    })
    .join("");
}

function text(rows: readonly Row[], now: Instant): string {
  if (rows.length === 0) return "no entries\n";
  const cells = rows.map(({ entry, state, nextAt }) => [
    entry.name,
    entry.task,
    entry.schedule.describe(),
    state?.lastDueAt ? relativeTime(state.lastDueAt, now) : "never",
    nextText(entry, nextAt, now),
    String(state?.runs ?? 0),
    String(state?.missed ?? 0),
    entry.source,
  ]);
  return table([["ENTRY", "TASK", "SCHEDULE", "LAST", "NEXT", "RUNS", "MISSED", "SOURCE"], ...cells]);
}

function nextText(entry: Entry, nextAt: Instant | null, now: Instant): string {
  if (!entry.enabled) return "not enabled";
  if (nextAt === null) return "finished";
  return nextAt <= now ? `due ${relativeTime(nextAt, now)}` : localTime(nextAt, entry.timezone);
}

function isoTime(at: Instant | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
