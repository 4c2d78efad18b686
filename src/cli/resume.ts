// `beat resume ENTRY...`: they run again; what fell into the pause is skipped, or made up by their policy.
import type { ResumeReport } from "../beat/steer/steering.ts";
import { systemClock } from "../clock.ts";
import { count } from "../log-words.ts";
import { jsonOf, nextText } from "./entry-report.ts";
import { type EntryOrderOptions, giveOrder } from "./steer-entries.ts";

export interface ResumeOptions extends EntryOrderOptions {
  readonly catchUp?: boolean;
}

interface Resumed extends ResumeReport {
  /** Occurrences of the pause that are left to the entry's policy; null where they were not counted. */
  readonly left: number | null;
}

/** Each costs two more questions. */
const mostCounted = 50;

export async function resumeCommand(names: readonly string[], options: ResumeOptions): Promise<number> {
  const catchUp = options.catchUp === true;
  const { reports, notes } = await giveOrder({
    names,
    options,
    isMeant: ({ paused }) => paused !== null,
    give: async (steered, entries, by) => {
      const counted = catchUp && entries.length <= mostCounted ? entries : [];
      const left = new Map<string, number>();
      for (const entry of counted) left.set(entry, await steered.countPaused(entry));
      const resumed = await steered.resume({ entries, by, catchUp });
      return resumed.map((report): Resumed => ({ ...report, left: left.get(report.entry) ?? null }));
    },
  });
  process.stdout.write(options.json === true ? reports.map(jsonLine).join("") : text(reports, catchUp));
  process.stderr.write(notes.map((note) => `beat: ${note}\n`).join(""));
  return 0;
}

function jsonLine({ wasPaused: was_paused, given: given_up, left, ...report }: Resumed): string {
  return `${JSON.stringify({ ...jsonOf(report), was_paused, given_up, left_to_policy: left })}\n`;
}

function text(reports: readonly Resumed[], catchUp: boolean): string {
  if (reports.length === 0) return "nothing is paused\n";
  const now = systemClock.now();
  return reports.map((report) => `${line(report, catchUp)}; next: ${nextText(report, now)}\n`).join("");
}

function line({ entry, wasPaused, given, left }: Resumed, catchUp: boolean): string {
  if (!wasPaused) return `${entry} was not paused`;
  if (catchUp && left === null) return `resumed ${entry}: what fell into the pause goes by its missed policy`;
  const number = catchUp ? (left ?? 0) : given;
  if (number === 0) return `resumed ${entry}: nothing fell into the pause`;
  return `resumed ${entry}: ${count(number, "occurrence")} of the pause ${fate(number === 1, catchUp)}`;
}

function fate(isOne: boolean, catchUp: boolean): string {
  if (!catchUp) return isOne ? "is skipped" : "are skipped";
  return `${isOne ? "counts as missed, and goes" : "count as missed, and go"} by its missed policy`;
}
