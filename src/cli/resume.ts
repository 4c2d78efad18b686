// `beat resume ENTRY...`: they run again; what fell into the pause is skipped, or made up by their policy.
import type { ResumeReport } from "../beat/steering.ts";
import { systemClock } from "../clock.ts";
import { count } from "../log-words.ts";
import { jsonOf, nextText } from "./entry-report.ts";
import { type EntryOrderOptions, giveOrder } from "./steer-entries.ts";

export interface ResumeOptions extends EntryOrderOptions {
  readonly catchUp?: boolean;
}

export async function resumeCommand(names: readonly string[], options: ResumeOptions): Promise<number> {
  const catchUp = options.catchUp === true;
  const { reports, note } = await giveOrder({
    names,
    options,
    isMeant: ({ paused }) => paused !== null,
    give: (steered, entries, by) => steered.resume({ entries, by, catchUp }),
  });
  process.stdout.write(options.json === true ? reports.map(jsonLine).join("") : text(reports, catchUp));
  if (note !== null) process.stderr.write(`beat: ${note}\n`);
  return 0;
}

function jsonLine(report: ResumeReport): string {
  const { wasPaused: was_paused, given } = report;
  return `${JSON.stringify({ ...jsonOf(report), was_paused, given_up: given })}\n`;
}

function text(reports: readonly ResumeReport[], catchUp: boolean): string {
  if (reports.length === 0) return "nothing is paused\n";
  const now = systemClock.now();
  return reports.map((report) => `${line(report, catchUp)}; next: ${nextText(report, now)}\n`).join("");
}

function line({ entry, wasPaused, given }: ResumeReport, catchUp: boolean): string {
  if (!wasPaused) return `${entry} was not paused`;
  if (catchUp) return `resumed ${entry}: what fell into the pause counts as missed, and goes by its missed policy`;
  if (given === 0) return `resumed ${entry}: nothing fell into the pause`;
  return `resumed ${entry}: ${count(given, "occurrence")} of the pause ${given === 1 ? "is" : "are"} skipped`;
}
