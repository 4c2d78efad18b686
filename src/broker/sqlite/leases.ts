// Leading over one file: rows for terms and marks, and the wall clock that all processes of a host share.
import type { Clock, Instant } from "../../clock.ts";
import { type Guard, type Mark, type PublishOutcome, StaleTermError } from "../broker.ts";
import { judge, nextTerm } from "../guard.ts";
import type {
  Acquired,
  AcquireOptions,
  Lease,
  LeaseHolder,
  LeaseKeeper,
  LeaseOwner,
  SetMarksOptions,
} from "../lease.ts";
import type { BrokerFile } from "./file.ts";

interface ScopeRow {
  readonly term: number;
  readonly owner_id: string | null;
  readonly owner_label: string | null;
  readonly ttl_ms: number | null;
  readonly expires_at: Instant | null;
}

export class SqliteLeases implements LeaseKeeper {
  readonly #file: BrokerFile;
  readonly #clock: Clock;

  constructor(file: BrokerFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  async acquire(scope: string, owner: LeaseOwner, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    return this.#file.transaction((): Acquired => {
      const now = this.#clock.now();
      const row = this.#scope(scope);
      if (row === undefined && options.unlessForgotten === true) return { isForgotten: true };
      const heldBy = row === undefined ? null : this.#holder(scope, row, owner, now);
      if (heldBy !== null) return { heldBy };
      const term = nextTerm(row?.term ?? 0, now);
      this.#file
        .statement("INSERT OR REPLACE INTO scope VALUES (?, ?, ?, ?, ?, ?)")
        .run(scope, term, owner.id, owner.label, ttlMs, now + ttlMs);
      return { lease: Object.freeze({ scope, owner, term }) };
    });
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return this.#file.transaction(() => {
      const { changes } = this.#file
        .statement(
          "UPDATE scope SET owner_id = ?, owner_label = ?, ttl_ms = ?, expires_at = ? WHERE name = ? AND term = ?",
        )
        .run(lease.owner.id, lease.owner.label, ttlMs, this.#clock.now() + ttlMs, lease.scope, lease.term);
      return changes === 1;
    });
  }

  async release(lease: Lease): Promise<void> {
    this.#file.transaction(() => {
      this.#file
        .statement("UPDATE scope SET term = term + 1, owner_id = NULL, expires_at = NULL WHERE name = ? AND term = ?")
        .run(lease.scope, lease.term);
    });
  }

  async marks(scope: string): Promise<ReadonlyMap<string, Instant>> {
    const rows = this.#file.read(() =>
      this.#file.statement("SELECT entry, due_at FROM mark WHERE scope = ?").all(scope),
    );
    return new Map((rows as { entry: string; due_at: Instant }[]).map(({ entry, due_at }) => [entry, due_at]));
  }

  async setMarks(lease: Lease, marks: readonly Mark[], { forwardOnly = false }: SetMarksOptions = {}): Promise<void> {
    const onConflict = forwardOnly ? "max(due_at, excluded.due_at)" : "excluded.due_at";
    this.#file.transaction(() => {
      this.#check(lease);
      const put = this.#file.statement(
        `INSERT INTO mark VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET due_at = ${onConflict}`,
      );
      for (const { entry, dueAt } of marks) put.run(lease.scope, entry, dueAt);
    });
  }

  async dropMarks(lease: Lease, entries: readonly string[]): Promise<void> {
    this.#file.transaction(() => {
      this.#check(lease);
      const drop = this.#file.statement("DELETE FROM mark WHERE scope = ? AND entry = ?");
      for (const entry of entries) drop.run(lease.scope, entry);
    });
  }

  async notes(scope: string): Promise<ReadonlyMap<string, string>> {
    const rows = this.#file.read(() => this.#file.statement("SELECT name, text FROM note WHERE scope = ?").all(scope));
    return new Map((rows as { name: string; text: string }[]).map(({ name, text }) => [name, text]));
  }

  async setNotes(lease: Lease, notes: ReadonlyMap<string, string | null>): Promise<void> {
    this.#file.transaction(() => {
      this.#check(lease);
      const put = this.#file.statement("INSERT OR REPLACE INTO note VALUES (?, ?, ?)");
      const remove = this.#file.statement("DELETE FROM note WHERE scope = ? AND name = ?");
      for (const [name, text] of notes) {
        if (text === null) remove.run(lease.scope, name);
        else put.run(lease.scope, name, text);
      }
    });
  }

  /** Judges the guard's marks and moves those that are newer; to be called inside the transaction that publishes. */
  settle(guard: Guard): readonly PublishOutcome[] {
    this.#check(guard);
    const find = this.#file.statement("SELECT due_at FROM mark WHERE scope = ? AND entry = ?");
    const markOf = (entry: string): Instant | undefined =>
      (find.get(guard.scope, entry) as { due_at: Instant } | undefined)?.due_at;
    const { outcomes, moved } = judge(guard.marks, markOf);
    for (const [entry, dueAt] of moved) this.#setMark(guard.scope, entry, dueAt);
    return outcomes;
  }

  #check({ scope, term }: { readonly scope: string; readonly term: number }): void {
    if (this.#scope(scope)?.term !== term) throw new StaleTermError(scope, term);
  }

  #scope(name: string): ScopeRow | undefined {
    return this.#file.statement("SELECT * FROM scope WHERE name = ?").get(name) as ScopeRow | undefined;
  }

  #setMark(scope: string, entry: string, dueAt: Instant): void {
    this.#file.statement("INSERT OR REPLACE INTO mark VALUES (?, ?, ?)").run(scope, entry, dueAt);
  }

  /** Who else holds the lease still. */
  #holder(scope: string, row: ScopeRow, owner: LeaseOwner, now: Instant): LeaseHolder | null {
    const remainingMs = this.#remaining(scope, row, now);
    if (remainingMs <= 0 || row.owner_id === owner.id) return null;
    return { label: row.owner_label ?? "", remainingMs };
  }

  /**
   * More than the whole span can only mean that the wall clock was set back since; the lease is then counted anew from
   * here, so that a holder that died does not lead until the clock has caught up.
   */
  #remaining(scope: string, row: ScopeRow, now: Instant): number {
    const remainingMs = (row.expires_at ?? now) - now;
    const ttlMs = row.ttl_ms ?? 0;
    if (remainingMs <= ttlMs) return remainingMs;
    this.#file.statement("UPDATE scope SET expires_at = ? WHERE name = ?").run(now + ttlMs, scope);
    return ttlMs;
  }
}
