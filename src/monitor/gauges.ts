// The metrics that say how things stand: all asked for at the moment of a scrape, none kept up meanwhile.
import { Gauge, type Registry } from "prom-client";
import type { EntryBook } from "./entry-book.ts";
import { checkNames } from "./health.ts";
import type { Look, Monitor } from "./monitor.ts";
import type { Subject, SubjectEntry, SubjectStatus } from "./subject.ts";

export interface GaugeOptions {
  readonly monitor: Monitor;
  readonly book: EntryBook;
  /** Entries with series of their own; the rest is counted. */
  readonly mostEntries: number;
}

const perPage = 1000;

/** Registers the gauges; the returned function brings them up to date. */
export function registerGauges(registry: Registry, options: GaugeOptions): () => Promise<void> {
  const { monitor } = options;
  const collectBeat = beatGauges(registry);
  const collectHealth = healthGauges(registry, monitor);
  const collectEntries = entryGauges(registry, options);
  const collectInfo = infoGauge(registry, options);
  return async () => {
    const look = monitor.look();
    collectBeat(look);
    collectHealth(look);
    await collectEntries(look);
    await collectInfo(look);
  };
}

/** What the status of a beat says, as numbers. */
const statusGauges: Readonly<Record<string, readonly [help: string, value: (status: SubjectStatus) => number]>> = {
  leader: ["1 on the beat that leads its scope, 0 on one that stands by.", ({ leads }) => Number(leads)],
  late_seconds: [
    "How much later than due the oldest occurrence is that has not been sent; 0 when nothing is overdue.",
    ({ lateMs }) => lateMs / 1000,
  ],
  unsent: ["Occurrences that are due and wait for the broker's word.", ({ unsent }) => unsent],
  entries: ["Entries of the schedule.", ({ entries }) => entries],
  entries_paused: ["Entries that are paused.", ({ paused }) => paused],
};

function beatGauges(registry: Registry): (look: Look) => void {
  const gauges = Object.entries(statusGauges).map(
    ([name, [help, value]]) => [gaugeOf(registry, name, help), value] as const,
  );
  const up = gaugeOf(registry, "up", "1 while the loop of beat looks at the clock, 0 when it hangs.");
  const age = gaugeOf(registry, "tick_age_seconds", "How long ago the loop looked at the clock.");
  return ({ beat, isLive, silenceMs }) => {
    up.set(Number(isLive));
    if (beat === null) return;
    age.set((silenceMs ?? 0) / 1000);
    for (const [gauge, value] of gauges) gauge.set(value(beat));
  };
}

function healthGauges(registry: Registry, monitor: Monitor): (look: Look) => void {
  const check = new Gauge({
    name: "lovage_beat_check_ok",
    help: "1 for each check of /healthz that is ok, 0 where it is degraded or down.",
    labelNames: ["check"],
    registers: [registry],
  });
  const broker = gaugeOf(registry, "broker_up", "1 while the broker answers, 0 while it is away or takes nothing.");
  const quarantined = gaugeOf(registry, "entries_quarantined", "Entries set aside because their schedule failed.");
  const taken = gaugeOf(registry, "last_reload_successful", "0 when the schedule was last read and not taken.");
  const takenAt = gaugeOf(registry, "last_reload_success_timestamp_seconds", "When a reload was last taken; 0: never.");
  return ({ health: { checks } }) => {
    for (const name of checkNames) check.set({ check: name }, Number(checks[name].status === "ok"));
    broker.set(Number(checks.broker.status === "ok"));
    quarantined.set(monitor.troubles.quarantined.length);
    taken.set(Number(monitor.troubles.problems.length === 0));
    takenAt.set((monitor.troubles.reloadedAt ?? 0) / 1000);
  };
}

function entryGauges(registry: Registry, { monitor, mostEntries }: GaugeOptions): (look: Look) => Promise<void> {
  const registers = [registry];
  const labelNames = ["entry"];
  const next = new Gauge({
    name: "lovage_beat_entry_next_run_timestamp_seconds",
    help: "When the entry is due next, without jitter; none for one that is paused, not enabled, finished or set aside.",
    labelNames,
    registers,
  });
  const last = new Gauge({
    name: "lovage_beat_entry_last_run_timestamp_seconds",
    help: "The due time of the entry's last run that was sent.",
    labelNames,
    registers,
  });
  const leftOut = gaugeOf(
    registry,
    "entries_left_out",
    "Entries beyond --http-entries, which have no series of their own.",
  );
  return async ({ beat }) => {
    next.reset();
    last.reset();
    leftOut.set(0);
    if (beat?.leads !== true || monitor.subject === null) return;
    for await (const { rows, left } of pagesOf(monitor.subject, mostEntries)) {
      leftOut.set(left);
      for (const { entry, nextAt, lastDueAt } of rows) {
        if (nextAt !== null) next.set({ entry }, nextAt / 1000);
        if (lastDueAt !== null) last.set({ entry }, lastDueAt / 1000);
      }
    }
  };
}

/** In the order of the schedule. Beat has its turn between two pages, and may have lost the lead by then. */
async function* pagesOf(
  subject: Subject,
  most: number,
): AsyncGenerator<{ rows: readonly SubjectEntry[]; left: number }> {
  for (let taken = 0; ; ) {
    if (!subject.status().leads) return;
    const { rows, total } = subject.list({ offset: taken, limit: Math.min(perPage, most - taken) });
    taken += rows.length;
    yield { rows, left: Math.max(0, total - taken) };
    if (rows.length === 0 || taken >= Math.min(most, total)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function infoGauge(registry: Registry, { book }: GaugeOptions): (look: Look) => Promise<void> {
  const info = new Gauge({
    name: "lovage_beat_info",
    help: "Always 1; its labels say which beat this is, and the hash of the schedule it works by.",
    labelNames: ["scope", "version", "schedule_hash"],
    registers: [registry],
  });
  return async ({ beat }) => {
    info.reset();
    if (beat === null) return;
    const { scope, version } = beat;
    info.set({ scope, version, schedule_hash: await book.scheduleHash() }, 1);
  };
}

function gaugeOf(registry: Registry, name: string, help: string): Gauge {
  return new Gauge({ name: `lovage_beat_${name}`, help, registers: [registry] });
}
