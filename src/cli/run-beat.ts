// `beat`: opens everything, runs until a signal, takes over edited files, and closes everything in order.
import { rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { Beat } from "../beat/beat.ts";
import { createBeatEnvelope } from "../beat/envelope.ts";
import { Reloader } from "../beat/reload.ts";
import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { systemClock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import { EventStream } from "../event.ts";
import { createLogger, type LoggerOptions, logEvents } from "../log.ts";
import type { Store } from "../store/store.ts";
import { keepAlive } from "./alive.ts";
import { banner } from "./banner.ts";
import { catchStrayErrors, leave, strayText } from "./fail.ts";
import { openProject, type Project, publishUrl } from "./open.ts";
import type { BeatCommandOptions } from "./options.ts";
import { openRecord, recordPath } from "./record.ts";

interface Assembly {
  readonly beat: Beat;
  readonly broker: Broker;
  readonly store: Store;
}

const defaultMaxIntervalMs = 5000;
/** What is left of the second a stop may take, after beat itself has stopped. */
const closeMs = 150;

export async function runBeat(options: BeatCommandOptions): Promise<number> {
  const events = new EventStream();
  logEvents(events, createLogger(loggerOptions(options)));
  const reloader = new Reloader({ emit: events.emit, poll: options.watchPoll === true });
  const project = await openProject(options, (paths) => reloader.watch(paths));
  const { beat, broker, store } = await assemble(project, options, events);
  const removePidfile = writePidfile(options.pidfile);
  const signal = nextSignal(() => void reloader.reload());
  catchStrayErrors((error) => events.emit({ type: "failure", where: "uncaught", reason: strayText(error) }));
  await beat.start();
  const endAlive = keepAlive(store.location, beat, events);
  reloader.connect({ reread: project.reread, apply: (entries) => beat.reload(entries) });
  events.emit({ type: "beat-stopping", reason: await signal });
  await stop({ beat, reloader, broker, store });
  endAlive();
  removePidfile();
  return 0;
}

async function assemble(project: Project, options: BeatCommandOptions, events: EventStream): Promise<Assembly> {
  const { app, scope, entries } = project;
  const tools = { emit: events.emit, clock: systemClock };
  const maxIntervalMs = maxInterval(options, project);
  const store = await openRecord(
    recordPath(options, app.conf),
    options.scheduler ?? app.conf.beatScheduler ?? undefined,
    tools,
  );
  if (options.quiet !== true) {
    const log = `${options.logfile ?? "stderr"} at ${options.loglevel.toUpperCase()}`;
    process.stdout.write(banner({ project, record: store.location, log, maxIntervalMs, now: systemClock.now() }));
  }
  const broker = await openBroker(publishUrl(project), { ...tools, transportOptions: app.conf.brokerTransportOptions });
  const createEnvelope = createBeatEnvelope(app, scope);
  const label = `${hostname()}:${process.pid}`;
  const beat = new Beat({ ...tools, scope, entries, broker, store, createEnvelope, label, maxIntervalMs });
  return { beat, broker, store };
}

/** In order: nothing new comes in, what is under way is settled, then the doors are closed. */
async function stop({ beat, reloader, broker, store }: Assembly & { reloader: Reloader }): Promise<void> {
  const reloaderStopped = reloader.stop();
  await beat.stop();
  const closed = Promise.allSettled([reloaderStopped, broker.close(), store.close()]);
  await Promise.race([closed, systemClock.sleep(closeMs)]);
}

function loggerOptions(options: BeatCommandOptions): LoggerOptions {
  const { loglevel: level, logfile: file, logFormat: format, color } = options;
  if (format !== "text" && format !== "json") {
    throw new LovageError("usage", `--log-format ${format} is neither text nor json`);
  }
  return { level, file, format, color };
}

/** `--max-interval`, else the app's own setting; Celery's default of 0 means the scheduler's own. */
function maxInterval(options: BeatCommandOptions, { app }: Project): number {
  const seconds = options.maxInterval ?? app.conf.beatMaxLoopInterval;
  return seconds > 0 ? seconds * 1000 : defaultMaxIntervalMs;
}

/** Resolves with the first signal to stop; a second one ends the process at once. */
function nextSignal(onHangup: () => void): Promise<string> {
  process.on("SIGHUP", onHangup);
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (isStopping) leave(1);
        isStopping = true;
        resolve(signal);
      });
    }
  });
}

function writePidfile(path: string | undefined): () => void {
  if (path === undefined) return () => undefined;
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw new LovageError("usage", `cannot write --pidfile ${path}: ${messageOf(error)}`);
  }
  return () => rmSync(path, { force: true });
}
