// Leading within one process: terms and marks in maps.
import type { Clock, Instant } from "../../clock.ts";
import { type Guard, type Mark, type PublishOutcome, StaleTermError } from "../broker.ts";
import { judge, nextTerm } from "../guard.ts";
import type { Acquired, AcquireOptions, Lease, LeaseKeeper, LeaseOwner, SetMarksOptions } from "../lease.ts";

interface Scope {
  term: number;
  held: { readonly owner: LeaseOwner; expiresAt: Instant } | undefined;
  readonly marks: Map<string, Instant>;
  readonly notes: Map<string, string>;
}

export class MemoryLeases implements LeaseKeeper {
  readonly #clock: Clock;
  readonly #scopes = new Map<string, Scope>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Judges the guard's marks and moves those that are newer. */
  settle(guard: Guard): readonly PublishOutcome[] {
    const { marks } = this.#current(guard.scope, guard.term);
    const { outcomes, moved } = judge(guard.marks, (entry) => marks.get(entry));
    for (const [entry, dueAt] of moved) marks.set(entry, dueAt);
    return outcomes;
  }

  async acquire(scope: string, owner: LeaseOwner, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    const now = this.#clock.now();
    if (options.unlessForgotten === true && !this.#scopes.has(scope)) return { isForgotten: true };
    const state = this.#scopes.get(scope) ?? newScope();
    this.#scopes.set(scope, state);
    const remainingMs = (state.held?.expiresAt ?? now) - now;
    if (state.held !== undefined && remainingMs > 0 && state.held.owner.id !== owner.id) {
      return { heldBy: { label: state.held.owner.label, remainingMs } };
    }
    state.term = nextTerm(state.term, now);
    state.held = { owner, expiresAt: now + ttlMs };
    return { lease: Object.freeze({ scope, owner, term: state.term }) };
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    const state = this.#scopes.get(lease.scope);
    if (state?.term !== lease.term) return false;
    state.held = { owner: lease.owner, expiresAt: this.#clock.now() + ttlMs };
    return true;
  }

  async release(lease: Lease): Promise<void> {
    const state = this.#scopes.get(lease.scope);
    if (state?.term !== lease.term) return;
    state.term += 1;
    state.held = undefined;
  }

  async marks(scope: string): Promise<ReadonlyMap<string, Instant>> {
    return new Map(this.#scopes.get(scope)?.marks);
  }

  async setMarks(lease: Lease, marks: readonly Mark[], { forwardOnly = false }: SetMarksOptions = {}): Promise<void> {
    const state = this.#current(lease.scope, lease.term);
    for (const { entry, dueAt } of marks) {
      const least = forwardOnly ? (state.marks.get(entry) ?? dueAt) : dueAt;
      state.marks.set(entry, Math.max(dueAt, least));
    }
  }

  async dropMarks(lease: Lease, entries: readonly string[]): Promise<void> {
    const state = this.#current(lease.scope, lease.term);
    for (const entry of entries) state.marks.delete(entry);
  }

  async notes(scope: string): Promise<ReadonlyMap<string, string>> {
    return new Map(this.#scopes.get(scope)?.notes);
  }

  async setNotes(lease: Lease, notes: ReadonlyMap<string, string | null>): Promise<void> {
    const state = this.#current(lease.scope, lease.term);
    for (const [name, text] of notes) {
      if (text === null) state.notes.delete(name);
      else state.notes.set(name, text);
    }
  }

  #current(scope: string, term: number): Scope {
    const state = this.#scopes.get(scope);
    if (state?.term !== term) throw new StaleTermError(scope, term);
    return state;
  }
}

function newScope(): Scope {
  return { term: 0, held: undefined, marks: new Map(), notes: new Map() };
}
