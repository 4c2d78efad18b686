// Entries and runs as rows: writing changes inside the caller's transaction, and reading them back.
import type { Database, Statement } from "better-sqlite3";
import type { Instant } from "../../clock.ts";
import { createState, FORGOTTEN_HISTORY_MS } from "../changes.ts";
import type { Changes, EntryState, Pause, Run, RunOutcome } from "../store.ts";

const STATE_COLUMNS =
  "name, schedule_hash, anchor_at, settled_at, last_due_at, last_sent_at, last_task_id, runs, missed, failed, " +
  "paused_at, paused_by, paused_reason, skipped";

type StateRow = [
  name: string,
  scheduleHash: string,
  anchorAt: number,
  settledAt: number,
  lastDueAt: number | null,
  lastSentAt: number | null,
  lastTaskId: string | null,
  runs: number,
  missed: number,
  failed: number,
  pausedAt: number | null,
  pausedBy: string | null,
  pausedReason: string | null,
  skipped: number,
];

type RunRow = [dueAt: number, at: number, outcome: RunOutcome, taskId: string | null, reason: string | null];

export class Rows {
  readonly #limit: number;
  readonly #putState: Statement<StateRow>;
  readonly #newestNumber: Statement<[string], number | null>;
  readonly #putRun: Statement<[string, number, ...RunRow]>;
  readonly #prune: Statement<[string, number]>;
  readonly #forget: Statement<[string]>;
  readonly #rememberForgotten: Statement<[string, number]>;
  readonly #expireHistory: Statement<[number]>;
  readonly #expireForgotten: Statement<[number]>;

  /** @param limit how many runs are kept per entry */
  constructor(database: Database, limit: number) {
    this.#limit = limit;
    this.#putState = database.prepare(`INSERT OR REPLACE INTO entry (${STATE_COLUMNS}) VALUES (${marks(14)})`);
    this.#newestNumber = database
      .prepare<[string], number | null>("SELECT max(number) FROM run WHERE entry = ?")
      .pluck();
    this.#putRun = database.prepare(`INSERT INTO run VALUES (${marks(7)})`);
    this.#prune = database.prepare("DELETE FROM run WHERE entry = ? AND number <= ?");
    this.#forget = database.prepare("DELETE FROM entry WHERE name = ?");
    this.#rememberForgotten = database.prepare("INSERT OR REPLACE INTO forgotten VALUES (?, ?)");
    this.#expireHistory = database.prepare(
      "DELETE FROM run WHERE entry IN (SELECT name FROM forgotten WHERE at < ?) AND entry NOT IN (SELECT name FROM entry)",
    );
    this.#expireForgotten = database.prepare("DELETE FROM forgotten WHERE at < ?");
  }

  /** Within the caller's transaction. */
  apply(changes: Changes, now: Instant): void {
    for (const name of changes.forget ?? []) {
      this.#forget.run(name);
      this.#rememberForgotten.run(name, now);
    }
    for (const state of changes.states ?? []) this.#putState.run(...stateToRow(state));
    for (const run of changes.runs ?? []) this.#append(run);
  }

  /** Drops the history of entries that went long ago. */
  expire(now: Instant): void {
    this.#expireHistory.run(now - FORGOTTEN_HISTORY_MS);
    this.#expireForgotten.run(now - FORGOTTEN_HISTORY_MS);
  }

  #append(run: Run): void {
    const number = (this.#newestNumber.get(run.entry) ?? 0) + 1;
    this.#putRun.run(run.entry, number, run.dueAt, run.at, run.outcome, run.taskId, run.reason);
    if (number > this.#limit) this.#prune.run(run.entry, number - this.#limit);
  }
}

/** Also from a record of an older version, which has fewer columns: what can be saved of a damaged one is read as it is. */
export function readStates(database: Database): Map<string, EntryState> {
  const states = new Map<string, EntryState>();
  const known = database.prepare("SELECT name FROM pragma_table_info('entry')").pluck().all();
  const columns = STATE_COLUMNS.split(", ").map((column) => (known.includes(column) ? column : "0"));
  const rows = database
    .prepare<[], StateRow>(`SELECT ${columns.join(", ")} FROM entry`)
    .raw()
    .iterate();
  const hashes = new Map<string, string>();
  for (const row of rows) states.set(row[0], rowToState(row, hashes));
  return states;
}

/** Newest first. */
export function readRuns(database: Database, entry: string, limit: number): Run[] {
  const columns = "due_at, at, outcome, task_id, reason";
  const rows = database
    .prepare<[string, number], RunRow>(`SELECT ${columns} FROM run WHERE entry = ? ORDER BY number DESC LIMIT ?`)
    .raw()
    .all(entry, limit);
  return rows.map(([dueAt, at, outcome, taskId, reason]) => ({ entry, dueAt, at, outcome, taskId, reason }));
}

function stateToRow(state: EntryState): StateRow {
  const { paused } = state;
  return [
    state.name,
    state.scheduleHash,
    state.anchorAt,
    state.settledAt,
    state.lastDueAt,
    state.lastSentAt,
    state.lastTaskId,
    state.runs,
    state.missed,
    state.failed,
    paused?.at ?? null,
    paused?.by ?? null,
    paused?.reason ?? null,
    state.skipped,
  ];
}

/** @param hashes of one text is kept once: entries on one schedule have the same */
function rowToState(row: StateRow, hashes: Map<string, string>): EntryState {
  const [name, hash, anchorAt, settledAt, lastDueAt, lastSentAt, lastTaskId, runs, missed, failed] = row;
  const scheduleHash = hashes.get(hash) ?? hash;
  hashes.set(scheduleHash, scheduleHash);
  const paused = rowToPause(row[10], row[11], row[12]);
  return createState({
    name,
    scheduleHash,
    anchorAt,
    settledAt,
    lastDueAt,
    lastSentAt,
    lastTaskId,
    runs,
    missed,
    skipped: row[13],
    failed,
    paused,
  });
}

function rowToPause(at: Instant | null, by: string | null, reason: string | null): Pause | null {
  return at === null ? null : { at, by: by ?? "", reason };
}

function marks(count: number): string {
  return Array.from({ length: count }, () => "?").join(", ");
}
