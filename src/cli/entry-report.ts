// Entries as a running beat tells of them, told from schedule files and beat-record where none runs; in words and in JSON.
import { byWhom } from "../log-words.ts";
import { Plan } from "../beat/plan.ts";
import { reportOf } from "../beat/steer/report.ts";
import type { EntryReport } from "../beat/steer/steering.ts";
import type { Instant } from "../clock.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState, Run } from "../store/store.ts";
import { isoTime, localTime, relativeTime } from "./print.ts";

/** What a beat would say if it started now. */
export function reportsHere(
  entries: readonly Entry[],
  states: ReadonlyMap<string, EntryState>,
  now: Instant,
): ReadonlyMap<string, EntryReport> {
  const plan = new Plan(() => undefined);
  plan.apply(entries, now, { states, marks: new Map() });
  return new Map([...plan.slots].map(([name, slot]) => [name, reportOf(slot)]));
}

/** When it runs next, or why it does not. */
export function nextText(report: EntryReport, now: Instant): string {
  const { nextAt, timezone } = report;
  if (nextAt === null) return whyNot(report);
  return nextAt <= now ? `due ${relativeTime(nextAt, now)}` : localTime(nextAt, timezone);
}

function whyNot({ enabled, paused, quarantined }: EntryReport): string {
  if (!enabled) return "not enabled";
  if (paused !== null) return `paused ${byWhom(paused)}`;
  return quarantined === null ? "finished" : `set aside: ${quarantined}`;
}

/** Everything known of an entry, as plain data with snake_case keys and ISO times. */
export function jsonOf(report: EntryReport): Readonly<Record<string, unknown>> {
  const { entry, task, schedule, timezone, enabled, description, source, paused, quarantined } = report;
  const { lastTaskId, runs, missed, skipped, failed } = report;
  return {
    entry,
    task,
    schedule,
    timezone,
    enabled,
    next_at: isoTime(report.nextAt),
    paused: paused === null ? null : { ...paused, at: isoTime(paused.at) },
    set_aside: quarantined,
    last_due_at: isoTime(report.lastDueAt),
    last_sent_at: isoTime(report.lastSentAt),
    last_task_id: lastTaskId,
    runs,
    missed,
    skipped,
    failed,
    description,
    source,
  };
}

export function jsonOfRun({ dueAt, at, outcome, taskId, reason }: Run): Readonly<Record<string, unknown>> {
  return { due_at: isoTime(dueAt), at: isoTime(at), outcome, task_id: taskId, reason };
}
