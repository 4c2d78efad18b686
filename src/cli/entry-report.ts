// Entries as a running beat would tell of them, worked out from schedule files and beat-record where none runs; and in JSON.
import { neverRun, standing } from "../beat/standing.ts";
import type { EntryReport } from "../beat/steering.ts";
import type { Instant } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState } from "../store/store.ts";
import { isoTime, localTime, relativeTime } from "./print.ts";

export function reportOf(entry: Entry, state: EntryState | undefined, now: Instant): EntryReport {
  const { name, task, schedule, timezone, enabled, description, source } = entry;
  const known = { ...neverRun, ...state };
  const { paused, lastDueAt, lastSentAt, lastTaskId, runs, missed, skipped, failed } = known;
  return {
    entry: name,
    task,
    schedule: schedule.describe(),
    timezone,
    enabled,
    description,
    source,
    paused,
    ...(enabled && paused === null ? nextOf(entry, state, now) : { nextAt: null, quarantined: null }),
    ...{ lastDueAt, lastSentAt, lastTaskId, runs, missed, skipped, failed },
  };
}

function nextOf(
  entry: Entry,
  state: EntryState | undefined,
  now: Instant,
): Pick<EntryReport, "nextAt" | "quarantined"> {
  try {
    const { schedule, settledAt, runsLeft } = standing(entry, state, now);
    return { nextAt: runsLeft > 0 ? schedule.next(settledAt) : null, quarantined: null };
  } catch (error) {
    return { nextAt: null, quarantined: messageOf(error) };
  }
}

/** When it runs next, or why it does not. */
export function nextText(report: EntryReport, now: Instant): string {
  const { nextAt, timezone } = report;
  if (nextAt === null) return whyNot(report);
  return nextAt <= now ? `due ${relativeTime(nextAt, now)}` : localTime(nextAt, timezone);
}

function whyNot({ enabled, paused, quarantined }: EntryReport): string {
  if (!enabled) return "not enabled";
  if (paused !== null) return `paused by ${paused.by}${paused.reason === null ? "" : `: ${paused.reason}`}`;
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
