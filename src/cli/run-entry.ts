// `beat run ENTRY`: sends its task now, by the running beat; the schedule does not move.
import { systemClock } from "../clock.ts";
import { author } from "./author.ts";
import { type SteerOptions, withBeat } from "./contact.ts";
import { nextText } from "./entry-report.ts";
import { isoTime } from "./print.ts";

export interface RunOptions extends SteerOptions {
  readonly reason?: string;
  readonly by?: string;
}

const noBeat = "a beat must run; lovage call TASK sends a task without one";

export async function runEntryCommand(entry: string, options: RunOptions): Promise<number> {
  const { by = author(), reason = null } = options;
  return withBeat(options, noBeat, async ({ steering }) => {
    const { task, taskId, isSent, queue } = await steering.run({ entry, by, reason });
    const report = await steering.show(entry);
    if (options.json === true) {
      const sent = { entry, task, task_id: taskId, sent: isSent, queue, next_at: isoTime(report.nextAt) };
      process.stdout.write(`${JSON.stringify(sent)}\n`);
      return 0;
    }
    const outcome = isSent ? "sent" : "accepted, but the broker is away: it goes out when the broker is back:";
    const to = queue === null ? "" : ` queue=${queue}`;
    process.stdout.write(`${outcome} ${entry} (${task}) id=${taskId}${to}\n`);
    process.stdout.write(`the schedule stays as it is; next: ${nextText(report, systemClock.now())}\n`);
    return 0;
  });
}
