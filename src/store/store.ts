// What the beat-record owes: give back all that was known at the last commit, and take changes whole or not at all.
import type { Instant } from "../clock.ts";

export interface EntryState {
  readonly name: string;
  /** The entry's schedule hash when this was written; another one now means it was edited. */
  readonly scheduleHash: string;
  /** Where counting begins: when the entry was first seen, or last changed. */
  readonly anchorAt: Instant;
  /** Up to here everything is settled: the newest nominal due time sent or skipped, else the anchor. */
  readonly settledAt: Instant;
  readonly lastDueAt: Instant | null;
  readonly lastSentAt: Instant | null;
  readonly lastTaskId: string | null;
  readonly runs: number;
  /** Given up by the entry's policy for what was missed. */
  readonly missed: number;
  /** Given up because the entry was paused, or its previous run had not ended (`overlap`). */
  readonly skipped: number;
  readonly failed: number;
  readonly paused: Pause | null;
}

export interface Pause {
  readonly at: Instant;
  readonly by: string;
  readonly reason: string | null;
}

/** One line of history: an occurrence, and what became of it. */
export interface Run {
  readonly entry: string;
  readonly dueAt: Instant;
  /** When it was settled. */
  readonly at: Instant;
  readonly outcome: RunOutcome;
  readonly taskId: string | null;
  /** Why it was not sent, or what was special about it. */
  readonly reason: string | null;
}

/** `duplicate`: the broker already had it; a crash came between publishing and recording. */
export type RunOutcome = "sent" | "duplicate" | "missed" | "skipped" | "failed";

export interface Changes {
  /** Written over what stands, by name. */
  readonly states?: readonly EntryState[];
  readonly runs?: readonly Run[];
  /** Names whose state goes, because their entry went. Their history stays. */
  readonly forget?: readonly string[];
  /** Of whoever leads. A shared record refuses changes of an older term than it has seen; others do not look at it. */
  readonly term?: number;
}

export interface StoredState {
  /** Unique to this record, for as long as it lives; of a shared record, to this opening of it. */
  readonly id: string;
  readonly entries: ReadonlyMap<string, EntryState>;
}

export interface Store {
  /** For people: the file's path, or `:memory:`. */
  readonly location: string;
  /** True: several beats have it open, and whoever leads writes it. So it is read again whenever a term begins. */
  readonly isShared?: boolean;
  load(): Promise<StoredState>;
  /**
   * One transaction, on the disk when it resolves: forgets, then states, then runs. Rejects, with nothing applied, when it
   * cannot be written or holds a time or count that is no number.
   */
  record(changes: Changes): Promise<void>;
  /** The runs of one entry recorded last, newest first; the store may keep only so many. */
  history(entry: string, limit: number): Promise<readonly Run[]>;
  close(): Promise<void>;
}
