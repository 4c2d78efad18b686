// `beat status`: whether a beat is at work on this beat-record; the exit code is for health checks.
import { App } from "../app/app.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { readAlive } from "./alive.ts";
import { enterWorkdir } from "./open.ts";
import type { ScheduleOptions } from "./options.ts";
import { recordPath } from "./record.ts";

/** Beat looks at the clock every five seconds at least; three looks missed are no accident. */
const silentMs = 15_000;

export async function statusCommand(options: ScheduleOptions & { readonly maxInterval?: number }): Promise<number> {
  enterWorkdir(options.workdir);
  const record = recordPath(options, new App("status").conf);
  const alive = readAlive(record);
  if (alive === null) {
    throw new LovageError("store", `no beat runs on ${record} in ${process.cwd()}`, {
      hint: "-s names its beat-record",
    });
  }
  const agoMs = systemClock.now() - alive.lookedAt;
  const isUp = agoMs <= silentMs + 3000 * (options.maxInterval ?? 0);
  const role = alive.leads ? "leads" : "stands by";
  const text = `pid ${alive.pid} on ${alive.host} ${role}, ${alive.entries} entries, ${alive.unsent} unsent`;
  const look = `last look at the clock ${(agoMs / 1000).toFixed(1)} s ago`;
  process.stdout.write(`${isUp ? "up" : "silent"}: ${text}, ${look}\n`);
  return isUp ? 0 : 1;
}
