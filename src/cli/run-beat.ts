// `beat`: opens everything, runs until a signal, takes over edited files, and closes everything in order.
import { transportOptionsOf } from "../app/transport.ts";
import { rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { signals } from "../app/worker-signals.ts";
import { Beat } from "../beat/beat.ts";
import { createBeatEnvelope } from "../beat/envelope.ts";
import { Reloader } from "../beat/reload.ts";
import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { systemClock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import { EventStream } from "../event.ts";
import { createLogger, logEvents } from "../log.ts";
import type { Store } from "../store/store.ts";
import { keepAlive } from "./alive.ts";
import { awaitRecord } from "./await-record.ts";
import { banner } from "./banner.ts";
import { catchStrayErrors, explain, leave, strayText } from "./fail.ts";
import { enterWorkdir, openProject, type Project, publishUrl } from "./open.ts";
import { type BeatCommandOptions, loggerOptions } from "./options.ts";
import { openRecord } from "./record.ts";
import { aborted } from "./stop-signals.ts";
import { connectWorker, type WorkerLink } from "./worker-link.ts";

interface Surroundings {
  readonly events: EventStream;
  /** Aborted when beat is to stop. */
  readonly stopping: AbortSignal;
  /** Null: nobody's child. */
  readonly link: WorkerLink | null;
}

interface Assembly {
  readonly beat: Beat;
  readonly broker: Broker;
  readonly store: Store;
}

const defaultMaxIntervalMs = 5000;
/** What is left of the second a stop may take, after beat itself has stopped. */
const closeMs = 150;

export async function runBeat(options: BeatCommandOptions): Promise<number> {
  if (options.embedded !== true) return run(options, null);
  const link = connectWorker();
  try {
    return await run(options, link);
  } catch (error) {
    // The worker shows it: its user reads one log, and must not miss this.
    await link.tell({ type: "beat-refused", lines: explain(error) });
    return 1;
  }
}

async function run({ workdir, ...options }: BeatCommandOptions, link: WorkerLink | null): Promise<number> {
  enterWorkdir(workdir);
  const events = new EventStream();
  logEvents(events, createLogger(loggerOptions(options, "beat")));
  const reloader = new Reloader({ emit: events.emit, poll: options.watchPoll === true });
  const project = await openProject(options, (paths) => reloader.watch(paths));
  const surroundings = { events, link, stopping: stopSignal(() => void reloader.reload(), link) };
  const store = await open(project, options, surroundings);
  if (store === null) return 0;
  const { beat, broker } = await assemble(project, store, { options, ...surroundings });
  const removePidfile = writePidfile(options.pidfile);
  catchStrayErrors((error) => events.emit({ type: "failure", where: "uncaught", reason: strayText(error) }));
  await announce(project, link);
  await beat.start();
  const endAlive = keepAlive(store.location, beat, events);
  reloader.connect({ reread: project.reread, apply: (entries) => beat.reload(entries) });
  await link?.tell({ type: "beat-ready" });
  events.emit({ type: "beat-stopping", reason: await aborted(surroundings.stopping) });
  await stop({ beat, reloader, broker, store });
  endAlive();
  removePidfile();
  return 0;
}

async function announce({ app }: Project, link: WorkerLink | null): Promise<void> {
  await signals.beatInit.send({ sender: app.name, app });
  if (link !== null) await signals.beatEmbeddedInit.send({ sender: app.name, app });
}

/** The beat-record. One that somebody else has is an error, but for the beat of a second worker; null: stopped meanwhile. */
async function open(project: Project, options: BeatCommandOptions, around: Surroundings): Promise<Store | null> {
  const { events, link, stopping } = around;
  const tools = { emit: events.emit, clock: systemClock };
  const openNow = (): Promise<Store> => openRecord(options, project.app, tools);
  if (link === null) return openNow();
  const onBusy = async (leader: string): Promise<void> => {
    events.emit({ type: "beat-standby", scope: project.scope, leader });
    await link.tell({ type: "beat-ready" });
  };
  return awaitRecord(openNow, { clock: systemClock, signal: stopping, onBusy });
}

async function assemble(
  project: Project,
  store: Store,
  { options, events }: Surroundings & { readonly options: BeatCommandOptions },
): Promise<Assembly> {
  const { app, scope, entries } = project;
  const tools = { emit: events.emit, clock: systemClock };
  const maxIntervalMs = maxInterval(options, project);
  if (options.quiet !== true) {
    const log = `${options.logfile ?? "stderr"} at ${options.loglevel.toUpperCase()}`;
    process.stdout.write(banner({ project, record: store.location, log, maxIntervalMs, now: systemClock.now() }));
  }
  const broker = await openBroker(publishUrl(project), { ...tools, transportOptions: transportOptionsOf(app.conf) });
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

/** `--max-interval`, else the app's own setting; Celery's default of 0 means the scheduler's own. */
function maxInterval(options: BeatCommandOptions, { app }: Project): number {
  const seconds = options.maxInterval ?? app.conf.beatMaxLoopInterval;
  return seconds > 0 ? seconds * 1000 : defaultMaxIntervalMs;
}

/** Aborted by the first signal to stop, or by the worker; a second signal ends the process at once. */
function stopSignal(onHangup: () => void, link: WorkerLink | null): AbortSignal {
  const stopping = new AbortController();
  process.on("SIGHUP", onHangup);
  // Ctrl-C goes to the whole process group: whether it means an embedded beat is for its worker to say.
  const signals = link === null ? (["SIGINT", "SIGTERM"] as const) : (["SIGTERM"] as const);
  for (const signal of signals) {
    process.on(signal, () => {
      if (stopping.signal.aborted) leave(1);
      stopping.abort(signal);
    });
  }
  return link === null ? stopping.signal : AbortSignal.any([stopping.signal, link.stopping]);
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
