// One entry on the terminal: a name and a value a line.
import { shownUrl } from "../monitor/ping-url.ts";
import type { Instant } from "../clock.ts";
import { count, span } from "../log-words.ts";
import { writeJson } from "../protocol/json-writer.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Run, RunOutcome } from "../store/store.ts";
import { nextText } from "./entry-report.ts";
import { localTime, relativeTime, table, utcTime } from "./print.ts";
import type { Shown } from "./show.ts";

export interface Upcoming {
  readonly at: Instant;
  /** What a clock change does to it. */
  readonly note: string | null;
}

type Line = readonly [name: string, value: string];

/** Reasons told of each outcome. */
const reasonsShown = 3;

export function entryText(shown: Shown, now: Instant): string {
  const { report, notes } = shown;
  const lines: readonly Line[] = [
    ["entry", report.entry],
    ["task", report.task],
    ...(report.description === null ? [] : [["description", report.description] as const]),
    ["schedule", report.schedule],
    ["zone", report.timezone],
    ...nextLines(shown, now),
    ...lastLines(shown, now),
    ...countLines(shown),
    ...(shown.entry === null ? [] : definitionLines(shown.entry)),
    ["source", report.source],
    ...notes.map((note, index): Line => [index === 0 ? "told by" : "", note]),
  ];
  return table(lines);
}

function nextLines({ report, next }: Shown, now: Instant): readonly Line[] {
  if (report.paused !== null) {
    const { at, by, reason } = report.paused;
    const why = reason === null ? "" : `: ${reason}`;
    return [["next", `paused by ${by} ${relativeTime(at, now)}, ${localTime(at, report.timezone)}${why}`]];
  }
  if (next.length === 0) return [["next", nextText(report, now)]];
  return next.map(({ at, note }, index): Line => {
    const times = `${localTime(at, report.timezone)}  ${utcTime(at)}`;
    const when = index === 0 ? `  ${relativeTime(at, now)}` : "";
    return [index === 0 ? "next" : "", `${times}${when}${note === null ? "" : `  ${note}`}`];
  });
}

function lastLines(shown: Shown, now: Instant): readonly Line[] {
  const { lastDueAt, lastSentAt, lastTaskId, timezone } = shown.report;
  if (lastSentAt === null && lastDueAt === null) return [["last run", "never"]];
  const byHand = handNote(shown);
  const due = lastDueAt === null ? "never by its schedule" : `due ${localTime(lastDueAt, timezone)}`;
  const sent = lastSentAt === null ? "" : `sent ${relativeTime(lastSentAt, now)}`;
  const last = byHand === null && sent !== "" ? `${due}, ${sent}${lateness(lastDueAt, lastSentAt)}` : due;
  const state = shown.lastState === null ? "" : `  ${shown.lastState}`;
  const how = byHand === null ? "" : `  ${sent} ${byHand}`;
  return [["last run", last], ...(lastTaskId === null ? [] : [["last task", `${lastTaskId}${state}${how}`] as const])];
}

/** A run by hand moves the last time of sending, and no nominal time. */
function handNote({ report, runs }: Shown): string | null {
  const last = runs.find(({ taskId }) => taskId !== null && taskId === report.lastTaskId);
  return last?.reason?.startsWith("manual") === true ? last.reason : null;
}

function lateness(dueAt: Instant | null, sentAt: Instant | null): string {
  return dueAt === null || sentAt === null || sentAt < dueAt ? "" : `, ${span(sentAt - dueAt)} after it was due`;
}

function countLines({ report, runs }: Shown): readonly Line[] {
  const { missed, skipped, failed } = report;
  return [
    ["runs", String(report.runs)],
    ["missed", withReasons(missed, runs, "missed")],
    ["skipped", withReasons(skipped, runs, "skipped")],
    ["failed", withReasons(failed, runs, "failed")],
  ];
}

function withReasons(number: number, runs: readonly Run[], outcome: RunOutcome): string {
  const lines = runs.filter((run) => run.outcome === outcome).map(({ reason }) => reason ?? "");
  // How many they were stands before the reason: `4 missed; older than missed_within`.
  const reasons = new Set(lines.map((line) => line.replace(/^\d+ \w+; /, "")).filter((line) => line !== ""));
  const shown = [...reasons].slice(0, reasonsShown);
  return shown.length === 0 ? String(number) : `${number} (${shown.join("; ")})`;
}

function definitionLines(entry: Entry): readonly Line[] {
  const { args, kwargs, options, missedWithinMs, overlapLimitMs, jitterMs, maxRuns, ping } = entry;
  const within = missedWithinMs === null ? "" : `, within ${span(missedWithinMs)}`;
  const limit = overlapLimitMs === null ? "" : `, for ${span(overlapLimitMs)} at most`;
  return [
    ["args", writeJson(args)],
    ["kwargs", writeJson(kwargs)],
    ["options", writeJson(options)],
    ["missed policy", `${entry.missed}${within}`],
    ["overlap", `${entry.overlap}${limit}`],
    ...(jitterMs === 0 ? [] : [["jitter", `up to ${span(jitterMs)}`] as const]),
    ...(maxRuns === null ? [] : [["max runs", count(maxRuns, "run")] as const]),
    ...(ping === null ? [] : [["ping", pingText(ping)] as const]),
  ];
}

/** Without the passwords in it. */
export function shownPing({ success, failure }: NonNullable<Entry["ping"]>): NonNullable<Entry["ping"]> {
  return { success: success && shownUrl(success), failure: failure && shownUrl(failure) };
}

function pingText(ping: NonNullable<Entry["ping"]>): string {
  const { success, failure } = shownPing(ping);
  const parts = [success === null ? [] : [`success ${success}`], failure === null ? [] : [`failure ${failure}`]];
  return parts.flat().join(", ");
}
