// All that looks at a running beat and tells others of it: the HTTP server, systemd, pings, the dead-man's switch.
import { systemClock } from "../clock.ts";
import type { EventStream, LovageEvent } from "../event.ts";
import { DeadMansSwitch } from "../monitor/dead-mans-switch.ts";
import { EntryBook } from "../monitor/entry-book.ts";
import { type HttpAddress, parseHttpAddress } from "../monitor/http-address.ts";
import { Monitor } from "../monitor/monitor.ts";
import { Pings } from "../monitor/pings.ts";
import { statusLine } from "../monitor/status-line.ts";
import type { Subject } from "../monitor/subject.ts";
import { Systemd, type SystemdPlace } from "../monitor/systemd.ts";
import type { Entry } from "../schedule/entry.ts";
import type { BeatCommandOptions } from "./options.ts";

export interface BeatWatchOptions {
  readonly options: BeatCommandOptions;
  readonly events: EventStream;
  /** The longest sleep of beat's loop between two looks at the clock. */
  readonly maxIntervalMs: number;
  /** Null: systemd does not ask. */
  readonly place: SystemdPlace | null;
}

/** Watches from the first moment: a server that cannot listen ends the start, before beat leads. */
export interface BeatWatch {
  /** The beat that is being watched, and the entries it starts with. */
  begin(subject: Subject, entries: readonly Entry[]): void;
  /** Its loop runs. */
  ready(): void;
  /** Somebody asked for the files to be read again, which `work` does. */
  reload(work: () => Promise<void>): Promise<void>;
  /** Other entries are in force. */
  reloaded(entries: readonly Entry[]): void;
  stopping(): void;
  /** Waits for pings, a second at most. */
  stop(): Promise<void>;
}

const leadingChanges: ReadonlySet<LovageEvent["type"]> = new Set(["beat-started", "beat-standby", "beat-lost-lease"]);
const defaultHttpEntries = 1000;
const defaultPingEverySeconds = 60;

/** @throws LovageError("usage") when it cannot listen where `--http` says */
export async function watchBeat(given: BeatWatchOptions): Promise<BeatWatch> {
  const { events, maxIntervalMs, place } = given;
  const { emit } = events;
  const clock = systemClock;
  const monitor = new Monitor({ clock, events, maxIntervalMs });
  const book = new EntryBook();
  const endHttp = await serveHttp(given, monitor, book);
  const pings = new Pings({ events, emit, clock, pingOf: (entry) => book.pingOf(entry) });
  const deadMansSwitch = switchOf(given, monitor);
  const tools = { clock, emit, isLive: () => monitor.isLive(), status: () => statusLine(monitor.status()) };
  const systemd = place === null ? null : new Systemd(place, tools);
  events.subscribe(({ type }) => {
    if (leadingChanges.has(type)) systemd?.refresh();
  });
  return {
    begin: (subject, entries) => {
      book.take(entries);
      monitor.attach(subject);
      void deadMansSwitch?.start();
    },
    ready: () => systemd?.ready(),
    reload: (work) => systemd?.reload(work) ?? work(),
    reloaded: (entries) => book.take(entries),
    stopping: () => systemd?.stopping(),
    stop: async () => {
      await Promise.all([pings.stop(), deadMansSwitch?.stop(), endHttp()]);
      monitor.end();
    },
  };
}

/** What it needs is loaded only where somebody asks for it. */
async function serveHttp(
  { options, events }: BeatWatchOptions,
  monitor: Monitor,
  book: EntryBook,
): Promise<() => Promise<void>> {
  if (options.http === undefined) return () => Promise.resolve();
  const [{ createMetrics }, { beatRoutes, openWarning }, { HttpServer }] = await Promise.all([
    import("../monitor/metrics.ts"),
    import("../monitor/routes.ts"),
    import("../monitor/server.ts"),
  ]);
  const address: HttpAddress = parseHttpAddress(options.http);
  const mostEntries = options.httpEntries ?? defaultHttpEntries;
  const metrics = createMetrics({ monitor, book, events, mostEntries });
  const server = new HttpServer({ address, routes: beatRoutes(monitor, metrics), emit: events.emit });
  await server.start();
  events.emit({ type: "http-listening", url: server.url, warning: openWarning(address) });
  return async () => {
    metrics.end();
    await server.stop();
  };
}

function switchOf({ options, events }: BeatWatchOptions, monitor: Monitor): DeadMansSwitch | null {
  const { ping: url, pingEvery = defaultPingEverySeconds } = options;
  if (url === undefined) return null;
  return new DeadMansSwitch({
    url,
    everyMs: pingEvery * 1000,
    isWell: () => monitor.status()?.leads === true && monitor.health().status !== "down",
    clock: systemClock,
    emit: events.emit,
  });
}
