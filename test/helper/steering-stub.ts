// A running beat's steering without a beat: it notes what it is told, and answers in the right shape.
import type { BackfillReport, BeatSteering, BeatStatus, EntryReport, Upcoming } from "../../src/beat/steer/steering.ts";
import { LovageError } from "../../src/error.ts";

export interface SteeringStub extends BeatSteering {
  /** What it was asked and told, in order, with what came along. */
  readonly told: { readonly method: string; readonly with: unknown }[];
}

export interface StubOptions {
  readonly scope?: string;
  readonly label?: string;
  /** Null: nobody is known to lead. */
  readonly leader?: string | null;
  readonly term?: number;
  readonly upcoming?: readonly Upcoming[];
}

export function stubSteering(options: StubOptions = {}): SteeringStub {
  const { scope = "proj", label = "here:1", term = 7, upcoming = [] } = options;
  const leader = options.leader === undefined ? label : options.leader;
  const leads = leader === label;
  const told: { method: string; with: unknown }[] = [];
  const lead = (method: string, given: unknown): void => {
    if (!leads) throw new LovageError("standby", `${label} stands by`, { hint: `ask ${leader}` });
    told.push({ method, with: given });
  };
  const status = (): BeatStatus => ({ ...plainStatus, scope, label, leads, leader, term: leads ? term : null });
  return {
    scope,
    label,
    told,
    status,
    list: (query) => {
      lead("list", query);
      return { total: 1, rows: [reportOf("tick")] };
    },
    show: (entry) => {
      lead("show", entry);
      if (entry !== "tick")
        throw new LovageError("usage", `there is no entry ${entry}`, { hint: "did you mean tick?" });
      return reportOf(entry);
    },
    history: async (entry, limit) => {
      lead("history", { entry, limit });
      return [];
    },
    upcoming: (limit) => {
      lead("upcoming", limit);
      return upcoming.slice(0, limit);
    },
    pause: async (request) => {
      lead("pause", request);
      return request.entries.map((entry) => ({ ...reportOf(entry), isTold: true }));
    },
    resume: async (request) => {
      lead("resume", request);
      return request.entries.map((entry) => ({ ...reportOf(entry), given: 2, wasPaused: true, isTold: true }));
    },
    run: async (request) => {
      lead("run", request);
      return { entry: request.entry, task: "proj.tick", taskId: "id-1", isSent: true, queue: "celery" };
    },
    previewBackfill: (range) => {
      lead("previewBackfill", range);
      return { ...range, count: 0, atLeast: false, first: [], last: [] };
    },
    startBackfill: async (request) => {
      lead("startBackfill", request);
      return { ...plainBackfill, ...request };
    },
    backfills: () => {
      lead("backfills", null);
      return [plainBackfill];
    },
    stopBackfill: async (id, by) => {
      lead("stopBackfill", { id, by });
      return { ...plainBackfill, id, status: "stopped", note: `by ${by}` };
    },
    resumeBackfill: async (id, by) => {
      lead("resumeBackfill", { id, by });
      return { ...plainBackfill, id };
    },
  };
}

const plainStatus = {
  startedAt: 1_000_000,
  lookedAt: 2_000_000,
  lateMs: 0,
  unsent: 0,
  entries: 1,
  paused: 0,
  record: "beat-record",
  broker: "memory://",
  version: "1.0.0",
};

const plainBackfill: BackfillReport = {
  id: "b1",
  entry: "tick",
  fromAt: 0,
  toAt: 10_000,
  perSecond: 10,
  by: "alice@here",
  reason: null,
  at: 5,
  status: "running",
  note: null,
  sent: 0,
  failed: 0,
  total: 2,
  sentUpTo: null,
};

function reportOf(entry: string): EntryReport {
  return {
    entry,
    task: "proj.tick",
    schedule: "every 10 s",
    timezone: "UTC",
    enabled: true,
    description: null,
    source: "code",
    paused: null,
    nextAt: 10_000,
    quarantined: null,
    lastDueAt: null,
    lastSentAt: null,
    lastTaskId: null,
    runs: 0,
    missed: 0,
    skipped: 0,
    failed: 0,
  };
}
