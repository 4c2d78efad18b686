// `beat pause ENTRY...`: nothing of them is sent until they are resumed; who and why are kept.
import type { EntryReport } from "../beat/steer/steering.ts";
import { jsonOf } from "./entry-report.ts";
import { type EntryOrderOptions, giveOrder } from "./steer-entries.ts";

export interface PauseOptions extends EntryOrderOptions {
  readonly reason?: string;
}

export async function pauseCommand(names: readonly string[], options: PauseOptions): Promise<number> {
  const reason = options.reason ?? null;
  const { reports, notes } = await giveOrder({
    names,
    options,
    isMeant: () => true,
    give: (steered, entries, by) => steered.pause({ entries, by, reason }),
  });
  const isJson = options.json === true;
  process.stdout.write(reports.map(isJson ? (report) => `${JSON.stringify(jsonOf(report))}\n` : line).join(""));
  process.stderr.write(notes.map((note) => `beat: ${note}\n`).join(""));
  return 0;
}

function line({ entry, enabled, paused }: EntryReport): string {
  const why = paused === null || paused.reason === null ? "" : `: ${paused.reason}`;
  return `paused ${entry}, by ${paused?.by ?? "nobody"}${why}${enabled ? "" : " (it was not enabled either)"}\n`;
}
