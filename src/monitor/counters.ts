// The metrics that count what happens, moved by the event stream alone.
import { Counter, Histogram, type Registry } from "prom-client";
import type { EventStream, LovageEvent, MissedCause, Occasion } from "../event.ts";
import type { EntryBook } from "./entry-book.ts";

const occasions: readonly Occasion[] = ["scheduled", "missed", "manual", "backfill"];

/** Which counter takes occurrences that did not run: as `beat list` counts them. */
const columns = {
  missed: "missed",
  paused: "skipped",
  overlap: "skipped",
  refused: "failed",
  stale: "failed",
} as const satisfies Record<MissedCause, string>;

/** Counted from the start, so that the first of each is an increase. */
const counted = [
  "beat-started",
  "beat-standby",
  "beat-lost-lease",
  "broker-connected",
  "broker-disconnected",
  "publish-failed",
  "publish-recovered",
  "record-failed",
  "record-recovered",
  "overlap-given-up",
  "record-moved-aside",
  "marks-behind",
  "mark-in-future",
  "clock-jumped",
  "reload-applied",
  "reload-failed",
  "entry-quarantined",
  "entry-finished",
  "entry-paused",
  "entry-resumed",
  "backfill-changed",
  "ping-failed",
  "failure",
] as const satisfies readonly LovageEvent["type"][];

/** Milliseconds on an idle machine; seconds tell of a loop or a broker in trouble. */
const latenessBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Anything that can be counted up: a counter with its labels bound, which is what makes a burst cheap. */
interface Tally {
  inc(by?: number): void;
}

/** Registers the counters and moves them until the returned function is called. */
export function countEvents(registry: Registry, events: EventStream, book: EntryBook): () => void {
  const countOccurrence = occurrenceCounters(registry, book);
  const countType = eventCounter(registry);
  const named = namedCounters(registry);
  return events.subscribe((event) => {
    countOccurrence(event);
    countType(event.type);
    named[event.type]?.inc();
  });
}

function occurrenceCounters(registry: Registry, book: EntryBook): (event: LovageEvent) => void {
  const registers = [registry];
  const due = new Counter({
    name: "lovage_beat_occurrences_due_total",
    help: "Occurrences whose time had come, whatever became of them; those asked for by hand do not count.",
    registers,
  });
  const duplicate = new Counter({
    name: "lovage_beat_occurrences_duplicate_total",
    help: "Occurrences that were on their queue already, and were not sent twice.",
    registers,
  });
  const lateness = new Histogram({
    name: "lovage_beat_lateness_seconds",
    help: "From the due time, and the jitter of its entry, to the broker's word that it has the message.",
    buckets: latenessBuckets,
    registers,
  });
  const sent = sentCounters(registry);
  const unsent = unsentCounters(registry);
  return (event) => {
    if (event.type === "occurrence-sent") {
      const { occurrence, entry, dueAt, sentAt } = event;
      sent[occurrence].inc();
      if (isOfSchedule(occurrence)) due.inc();
      if (occurrence === "scheduled")
        lateness.observe(Math.max(0, sentAt - dueAt - book.jitterOf(entry, dueAt)) / 1000);
    } else if (event.type === "occurrence-duplicate") {
      if (isOfSchedule(event.occurrence)) due.inc();
      duplicate.inc();
    } else if (event.type === "occurrences-missed") {
      if (isOfSchedule(event.occurrence)) due.inc(event.count);
      unsent[event.cause].inc(event.count);
    }
  };
}

function isOfSchedule(occasion: Occasion): boolean {
  return occasion === "scheduled" || occasion === "missed";
}

function sentCounters(registry: Registry): Readonly<Record<Occasion, Tally>> {
  const counter = new Counter({
    name: "lovage_beat_occurrences_sent_total",
    help: "Messages the broker took: in time (scheduled), made up (missed), or by hand (manual, backfill).",
    labelNames: ["occasion"],
    registers: [registry],
  });
  return bind(occasions, (occasion) => counter.labels({ occasion }));
}

function unsentCounters(registry: Registry): Readonly<Record<MissedCause, Tally>> {
  const registers = [registry];
  const labelNames = ["reason"];
  const counters = {
    missed: new Counter({
      name: "lovage_beat_occurrences_missed_total",
      help: "Given up by the entry's policy for what was missed: beat was away, or the machine asleep.",
      registers,
    }),
    skipped: new Counter({
      name: "lovage_beat_occurrences_skipped_total",
      help: "Left out as the owner wished: the entry was paused, or its previous run had not ended (overlap).",
      labelNames,
      registers,
    }),
    failed: new Counter({
      name: "lovage_beat_occurrences_failed_total",
      help: "Not sent: no message could be made or the broker would not take it (refused), or it waited too long (stale).",
      labelNames,
      registers,
    }),
  };
  const causes = Object.keys(columns) as MissedCause[];
  return bind(causes, (cause) =>
    cause === "missed" ? counters.missed : counters[columns[cause]].labels({ reason: cause }),
  );
}

function eventCounter(registry: Registry): (type: LovageEvent["type"]) => void {
  const counter = new Counter({
    name: "lovage_beat_events_total",
    help: "Events of beat's log by their name, but for single occurrences.",
    labelNames: ["event"],
    registers: [registry],
  });
  const tallies: { readonly [Type in LovageEvent["type"]]?: Tally } = bind(counted, (event) =>
    counter.labels({ event }),
  );
  return (type) => tallies[type]?.inc();
}

/** Those that an alert is likely to ask for. */
function namedCounters(registry: Registry): { readonly [Type in LovageEvent["type"]]?: Tally } {
  const registers = [registry];
  const reloads = new Counter({
    name: "lovage_beat_reloads_total",
    help: "Times the schedule was read again, and taken (applied) or not (failed).",
    labelNames: ["result"],
    registers,
  });
  const reload = bind(["applied", "failed"], (result) => reloads.labels({ result }));
  const storeErrors = new Counter({
    name: "lovage_beat_store_errors_total",
    help: "Times the beat-record could not be written; what it should hold is kept and written later.",
    registers,
  });
  const pingFailures = new Counter({
    name: "lovage_beat_ping_failures_total",
    help: "Pings that their URL did not take.",
    registers,
  });
  return {
    "reload-applied": reload.applied,
    "reload-failed": reload.failed,
    "record-failed": storeErrors,
    "ping-failed": pingFailures,
  };
}

function bind<Name extends string>(names: readonly Name[], tallyOf: (name: Name) => Tally): Record<Name, Tally> {
  const tallies = Object.fromEntries(names.map((name) => [name, tallyOf(name)])) as Record<Name, Tally>;
  // A series exists, and says 0, before anything has happened.
  for (const name of names) tallies[name].inc(0);
  return tallies;
}
