// `beat`: opens everything, runs until a signal, takes over edited files, and closes everything in order.
import { transportOptionsOf } from "../app/transport.ts";
import { rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { signals } from "../app/worker-signals.ts";
import { Beat } from "../beat/beat.ts";
import { createBeatEnvelope } from "../beat/envelope.ts";
import { beatNodeName } from "../beat/reach/node.ts";
import type { OverlapGate } from "../beat/overlap/overlap.ts";
import { createOverlapGate } from "../beat/overlap/open.ts";
import { Reloader } from "../beat/reload.ts";
import type { Broker } from "../broker/broker.ts";
import { openBroker } from "../broker/open.ts";
import { systemClock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import { EventStream } from "../event.ts";
import { createLogger, type Logger, logEvents } from "../log.ts";
import { takeSystemdPlace } from "../monitor/systemd.ts";
import type { Service } from "../service.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Store } from "../store/store.ts";
import { keepAlive } from "./alive.ts";
import { awaitRecord } from "./await-record.ts";
import { banner, bannerFields, bannerTitle } from "./banner.ts";
import { catchStrayErrors, explain, leave, strayText } from "./fail.ts";
import { giveBackMemory } from "./give-back-memory.ts";
import { enterWorkdir, openProject, type Project, publishUrl } from "./open.ts";
import { type BeatCommandOptions, loggerOptions } from "./options.ts";
import { createReachable } from "./reachable.ts";
import { openRecord } from "./record.ts";
import { aborted } from "./stop-signals.ts";
import { type BeatWatch, watchBeat } from "./watch-beat.ts";
import { connectWorker, type WorkerLink } from "./worker-link.ts";

interface Surroundings {
  readonly events: EventStream;
  /** Aborted when beat is to stop. */
  readonly stopping: AbortSignal;
  /** Null: nobody's child. */
  readonly link: WorkerLink | null;
  readonly logger: Logger;
}

interface Assembly {
  readonly beat: Beat;
  readonly broker: Broker;
  readonly store: Store;
  readonly overlap: OverlapGate;
}

interface Running extends Assembly {
  readonly reachable: Service;
  readonly reloader: Reloader;
  readonly watch: BeatWatch;
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
  const place = takeSystemdPlace(process.env, process.pid);
  enterWorkdir(workdir);
  const node = options.withoutRemote === true ? null : beatNodeName(options.hostname);
  const events = new EventStream();
  const logger = createLogger(loggerOptions(options, "beat"));
  logEvents(events, logger, { format: options.logFormat });
  const reloader = new Reloader({ emit: events.emit, poll: options.watchPoll === true });
  const project = await openProject(options, (paths) => reloader.watch(paths));
  const watch = await watchBeat({ options, events, maxIntervalMs: maxInterval(options, project), place });
  const stopping = stopSignal(() => void watch.reload(() => reloader.reload()), link);
  const surroundings = { events, link, stopping, logger };
  const store = await open(project, options, surroundings);
  if (store === null) return 0;
  const { beat, broker, overlap } = await assemble(project, store, { options, ...surroundings });
  watch.begin(beat.steering, project.entries);
  const removePidfile = writePidfile(options.pidfile);
  catchStrayErrors((error) => events.emit({ type: "failure", where: "uncaught", reason: strayText(error) }));
  await announce(project, link);
  await beat.start();
  const { steering } = beat;
  const reachable = createReachable({
    steering,
    record: store.location,
    broker,
    events,
    settings: project.app.conf,
    node,
  });
  await reachable.start();
  const endAlive = keepAlive(store.location, beat, events);
  reloader.connect({ reread: project.reread, apply: applyTo(beat, watch) });
  watch.ready();
  await link?.tell({ type: "beat-ready" });
  events.emit({ type: "beat-stopping", reason: await aborted(stopping) });
  await stop({ watch, beat, reachable, reloader, broker, store, overlap });
  endAlive();
  removePidfile();
  return 0;
}

function applyTo(beat: Beat, watch: BeatWatch): (entries: readonly Entry[]) => Promise<void> {
  return async (entries) => {
    await beat.reload(entries);
    watch.reloaded(entries);
  };
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
  { options, events, logger }: Surroundings & { readonly options: BeatCommandOptions },
): Promise<Assembly> {
  const { app, scope, entries } = project;
  const tools = { emit: events.emit, clock: systemClock };
  const maxIntervalMs = maxInterval(options, project);
  if (options.quiet !== true) {
    const log = `${options.logfile ?? "stderr"} at ${options.loglevel.toUpperCase()}`;
    const input = { project, record: store.location, log, maxIntervalMs, now: systemClock.now() };
    if (options.logFormat === "json") logger.info(bannerFields(input), bannerTitle);
    else process.stdout.write(banner(input));
  }
  const broker = await openBroker(publishUrl(project), { ...tools, transportOptions: transportOptionsOf(app.conf) });
  const createEnvelope = createBeatEnvelope(app, scope);
  const overlap = createOverlapGate({ app, scope, broker, events, clock: systemClock });
  const label = `${hostname()}:${process.pid}`;
  const beat = new Beat({
    ...tools,
    scope,
    entries,
    broker,
    store,
    createEnvelope,
    label,
    maxIntervalMs,
    overlap,
  });
  events.subscribe((event) => {
    if (event.type === "broker-connected") void beat.recheck();
  });
  giveBackMemory(events, beat);
  return { beat, broker, store, overlap };
}

/** In order: nothing new comes in, what is under way is settled, then the doors are closed. */
async function stop({ watch, beat, reachable, reloader, broker, store, overlap }: Running): Promise<void> {
  watch.stopping();
  const reloaderStopped = reloader.stop();
  await Promise.all([reachable.stop(), beat.stop()]);
  const closed = Promise.allSettled([reloaderStopped, overlap.close(), broker.close(), store.close()]);
  await Promise.race([closed, systemClock.sleep(closeMs)]);
  // Last, for what was sent just now is to be told of, too.
  await watch.stop();
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
