// A beat as the monitor sees it, whose answers a test sets.
import { LovageError } from "../../src/error.ts";
import { EventStream } from "../../src/event.ts";
import { Monitor } from "../../src/monitor/monitor.ts";
import type { Subject, SubjectEntry, SubjectStatus } from "../../src/monitor/subject.ts";
import { ManualClock } from "./manual-clock.ts";

export const watchedFrom = Date.UTC(2026, 10, 23, 12, 0, 0);

export interface WatchedBeat {
  readonly clock: ManualClock;
  readonly events: EventStream;
  readonly monitor: Monitor;
  status: SubjectStatus;
  rows: SubjectEntry[];
  /** Pages that were asked for. */
  readonly asked: { readonly offset: number; readonly limit: number }[];
}

/** Leads, attached, with two entries. */
export function watchedBeat(): WatchedBeat {
  const clock = new ManualClock(watchedFrom);
  const events = new EventStream();
  const monitor = new Monitor({ clock, events, maxIntervalMs: 5000 });
  const watched: WatchedBeat = {
    clock,
    events,
    monitor,
    asked: [],
    status: leading,
    rows: [
      { entry: "a", nextAt: watchedFrom + 10_000, lastDueAt: watchedFrom, quarantined: null },
      { entry: "b", nextAt: null, lastDueAt: null, quarantined: null },
    ],
  };
  monitor.attach(subjectOf(watched));
  return watched;
}

export const leading: SubjectStatus = {
  scope: "proj",
  leads: true,
  leader: "host:1",
  lookedAt: watchedFrom,
  lateMs: 0,
  unsent: 0,
  entries: 2,
  paused: 0,
  version: "1.2.3",
};

function subjectOf(watched: WatchedBeat): Subject {
  const assertLeads = (): void => {
    if (!watched.status.leads) throw new LovageError("standby", "it stands by");
  };
  return {
    status: () => watched.status,
    list: (query) => {
      assertLeads();
      watched.asked.push(query);
      const rows = watched.rows.slice(query.offset, query.offset + query.limit);
      return { total: watched.rows.length, rows };
    },
    show: (entry) => {
      assertLeads();
      const row = watched.rows.find((one) => one.entry === entry);
      if (row === undefined) throw new LovageError("usage", `there is no entry ${entry}`);
      return row;
    },
  };
}
