// `beat status`: whether a beat is at work on this beat-record; the exit code is for health checks.
import { realpathSync } from "node:fs";
import { hostname } from "node:os";
import { App } from "../app/app.ts";
import type { Conf } from "../app/conf.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { type Alive, readAlive } from "./alive.ts";
import { enterWorkdir, openApp } from "./open.ts";
import type { ScheduleOptions } from "./options.ts";
import { recordPath } from "./record.ts";

/** Beat looks at the clock every five seconds at least; three looks missed are no accident. */
const silentMs = 15_000;

export async function statusCommand(options: ScheduleOptions & { readonly maxInterval?: number }): Promise<number> {
  const record = realPath(recordPath(options, await settings(options)));
  const alive = readAlive(record);
  if (alive === null) {
    throw new LovageError("store", `no beat runs on ${record} in ${process.cwd()}`, {
      hint: "-s names its beat-record",
    });
  }
  const agoMs = systemClock.now() - alive.lookedAt;
  if (isGone(alive)) throw new LovageError("store", `the beat on ${record} is dead: pid ${alive.pid} has ended`);
  const isUp = agoMs <= silentMs + 3000 * (options.maxInterval ?? 0);
  const role = alive.leads ? "leads" : "stands by";
  const text = `pid ${alive.pid} on ${alive.host} ${role}, ${alive.entries} entries, ${alive.unsent} unsent`;
  const look = `last look at the clock ${(agoMs / 1000).toFixed(1)} s ago`;
  process.stdout.write(`${isUp ? "up" : "silent"}: ${text}, ${look}\n`);
  return isUp ? 0 : 1;
}

/** Without -A or --config no project is loaded: a health check should be cheap. */
async function settings(options: ScheduleOptions): Promise<Conf> {
  if (options.app !== undefined || options.config !== undefined) return (await openApp(options)).app.conf;
  enterWorkdir(options.workdir);
  return new App("status").conf;
}

/** Only of a process on this host can that be known. */
function isGone({ pid, host }: Alive): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** The file lies beside the record itself, not beside a link to it. */
function realPath(record: string): string {
  try {
    return realpathSync(record);
  } catch {
    return record;
  }
}
