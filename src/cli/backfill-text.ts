// Backfills on the terminal and as data.
import type { BackfillReport } from "../beat/steer/steering.ts";
import { isoTime, table, utcTime } from "./print.ts";

/** `backfill k3f9 of report: running, 120 of 2400 sent, up to 2026-11-03T00:20:00Z` */
export function stateLine({ id, entry, status, note, sent, total, sentUpTo }: BackfillReport): string {
  const upTo = sentUpTo === null ? "" : `, up to ${utcTime(sentUpTo)}`;
  return `backfill ${id} of ${entry}: ${status}, ${progress(sent, total)}${upTo}${note === null ? "" : `; ${note}`}`;
}

export function backfillTable(reports: readonly BackfillReport[]): string {
  const rows = reports.map(({ id, entry, fromAt, toAt, status, sent, total, perSecond, by, reason, note }) => [
    id,
    entry,
    utcTime(fromAt),
    utcTime(toAt),
    status,
    progress(sent, total),
    `${perSecond}/s`,
    by,
    [reason, note].filter((text) => text !== null).join("; "),
  ]);
  return table([["ID", "ENTRY", "FROM", "TO", "STATUS", "SENT", "RATE", "BY", ""], ...rows]);
}

export function backfillJson(report: BackfillReport): Readonly<Record<string, unknown>> {
  const { id, entry, status, note, sent, total, perSecond, by, reason } = report;
  const range = { from: isoTime(report.fromAt), to: isoTime(report.toAt) };
  const course = { status, note, sent, total, sent_up_to: isoTime(report.sentUpTo) };
  return { id, entry, ...range, ...course, rate: perSecond, by, reason, at: isoTime(report.at) };
}

function progress(sent: number, total: number | null): string {
  return `${sent}${total === null ? "" : ` of ${total}`} sent`;
}
