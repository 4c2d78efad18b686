// `beat status`: whether a beat is at work, who leads and how late it is; the exit code is for health checks.
import { realpathSync } from "node:fs";
import { App } from "../app/app.ts";
import type { Conf } from "../app/conf.ts";
import { openDoor } from "../beat/reach/door-bell.ts";
import { createRemoteSteering } from "../beat/reach/remote-steering.ts";
import type { BeatStatus } from "../beat/steer/steering.ts";
import { systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import { readAlive } from "./alive.ts";
import { askAllBeats } from "./all-beats.ts";
import { askBeat } from "./ask-beat.ts";
import type { SteerOptions } from "./contact.ts";
import { enterWorkdir, openApp } from "./open.ts";
import { recordPath } from "./record.ts";
import { type Health, healthOf, healthOfFile, statusJson, statusTable, statusText } from "./status-text.ts";

export interface StatusOptions extends SteerOptions {
  readonly all?: boolean;
  /** Seconds; a beat that looks at the clock less often may be silent for longer. */
  readonly maxInterval?: number;
}

/** Beat looks at the clock every five seconds at least; three looks missed are no accident. */
const silentMs = 15_000;
const doorTimeoutMs = 3000;

export async function statusCommand(options: StatusOptions): Promise<number> {
  if (options.all === true) return tellAll(options);
  const health = options.remote === true ? await overBroker(options) : await here(options);
  process.stdout.write(options.json === true ? `${JSON.stringify(statusJson(health))}\n` : statusText(health));
  return health.isUp ? 0 : 1;
}

async function tellAll(options: StatusOptions): Promise<number> {
  const beats = (await askAllBeats(options)).map((status) => judge(status, "broker", options));
  if (beats.length === 0) throw nobody();
  const isJson = options.json === true;
  process.stdout.write(
    isJson ? beats.map((health) => `${JSON.stringify(statusJson(health))}\n`).join("") : statusTable(beats),
  );
  return beats.some(({ isUp, status }) => isUp && status?.leads === true) ? 0 : 1;
}

async function overBroker(options: StatusOptions): Promise<Health> {
  const beat = await askBeat(options, "anyone");
  if (beat === null) throw nobody();
  await beat.close();
  return judge(beat.status, "broker", options);
}

/** By its door, else by the file that it writes; no project is loaded for that but where its settings name the record. */
async function here(options: StatusOptions): Promise<Health> {
  const record = realPath(recordPath(options, await settings(options)));
  const status = await atDoor(record);
  if (status !== null) return judge(status, "record", options);
  const alive = readAlive(record);
  if (alive === null) {
    const hint = "-s names its beat-record, --remote asks over the broker";
    throw new LovageError("store", `no beat runs on ${record} in ${process.cwd()}`, { hint });
  }
  return healthOfFile(alive, record, { now: systemClock.now(), silentMs: patience(options) });
}

/** A door that cannot be opened, or behind which nobody speaks, leaves the file. */
async function atDoor(record: string): Promise<BeatStatus | null> {
  try {
    const ask = await openDoor(record, { clock: systemClock, timeoutMs: doorTimeoutMs });
    return ask === null ? null : await createRemoteSteering(ask, { scope: null, label: null }).status();
  } catch (error) {
    if (error instanceof LovageError) return null;
    throw error;
  }
}

function judge(status: BeatStatus, via: "record" | "broker", options: StatusOptions): Health {
  return healthOf(status, via, { now: systemClock.now(), silentMs: patience(options) });
}

function patience({ maxInterval = 0 }: StatusOptions): number {
  return silentMs + 3000 * maxInterval;
}

/** Without -A or --config no project is loaded: a health check should be cheap. */
async function settings(options: StatusOptions): Promise<Conf> {
  if (options.app !== undefined || options.config !== undefined) return (await openApp(options)).app.conf;
  enterWorkdir(options.workdir);
  return new App("status").conf;
}

/** The file lies beside the record itself, not beside a link to it. */
function realPath(record: string): string {
  try {
    return realpathSync(record);
  } catch {
    return record;
  }
}

function nobody(): LovageError {
  return new LovageError("standby", "no beat answers over the broker", {
    hint: "is it on this broker, and of this --scope?",
  });
}
