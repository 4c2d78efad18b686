// A broker for tests and for trying things out: the same promises as the others, kept in this process and gone with it.
import { type Clock, type Instant, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { Binding } from "../protocol/kombu.ts";
import { type Broker, type Guard, type Mark, type PublishOutcome, StaleTermError } from "./broker.ts";
import { checkGuard, judge, nextTerm } from "./guard.ts";
import type { Acquired, Lease, LeaseKeeper, LeaseOwner } from "./lease.ts";
import { checkDeliverable, createRoute, declarations } from "./routing.ts";

export interface MemoryBrokerOptions {
  readonly clock?: Clock;
  /** Called before a batch is looked at: to throw here is a request that never arrived. */
  readonly before?: (batch: readonly Envelope[]) => void | Promise<void>;
  /** Called when all is done: to throw here is an answer that got lost. */
  readonly after?: (batch: readonly Envelope[]) => void | Promise<void>;
}

export class MemoryBroker implements Broker {
  readonly url = "memory://";
  readonly leases: MemoryLeases;
  readonly #options: MemoryBrokerOptions;
  readonly #queues = new Map<string, Envelope[]>();
  readonly #bindings = new Map<string, Binding[]>();
  #closed = false;

  constructor(options: MemoryBrokerOptions = {}) {
    this.#options = options;
    this.leases = new MemoryLeases(options.clock ?? systemClock);
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    if (this.#closed) throw new LovageError("broker", "the broker memory:// is closed");
    checkGuard(batch.length, guard);
    await this.#options.before?.(batch);
    const outcomes = this.#publish(batch, guard);
    await this.#options.after?.(batch);
    return outcomes;
  }

  async depth(queue: string): Promise<number> {
    return this.messages(queue).length;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** What waits in a queue, in the order a worker would get it. */
  messages(queue: string): readonly Envelope[] {
    const waiting = this.#queues.get(queue) ?? [];
    return [...waiting].sort((left, right) => left.properties.priority - right.properties.priority);
  }

  /** Binds a queue to a named exchange, as a worker would. */
  bind(exchange: string, binding: Binding): void {
    this.#bindings.set(exchange, [...(this.#bindings.get(exchange) ?? []), binding]);
  }

  #publish(batch: readonly Envelope[], guard: Guard | undefined): readonly PublishOutcome[] {
    for (const { exchange, binding } of declarations(batch)) this.bind(exchange, binding);
    const route = createRoute(this.#bindings);
    checkDeliverable(batch, ({ destination }) => route(destination).length > 0);
    const outcomes = guard === undefined ? batch.map(() => "sent" as const) : this.leases.settle(guard);
    for (const [index, envelope] of batch.entries()) {
      if (outcomes[index] !== "sent") continue;
      for (const queue of route(envelope.destination)) this.#push(queue, envelope);
    }
    return outcomes;
  }

  #push(queue: string, envelope: Envelope): void {
    const waiting = this.#queues.get(queue);
    if (waiting === undefined) this.#queues.set(queue, [envelope]);
    else waiting.push(envelope);
  }
}

interface Scope {
  term: number;
  held: { readonly owner: LeaseOwner; expiresAt: Instant } | undefined;
  readonly marks: Map<string, Instant>;
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

  async acquire(scope: string, owner: LeaseOwner, ttlMs: number): Promise<Acquired> {
    const now = this.#clock.now();
    const state = this.#scopes.get(scope) ?? { term: 0, held: undefined, marks: new Map<string, Instant>() };
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

  async setMarks(lease: Lease, marks: readonly Mark[]): Promise<void> {
    const state = this.#current(lease.scope, lease.term);
    for (const { entry, dueAt } of marks) state.marks.set(entry, dueAt);
  }

  async dropMarks(lease: Lease, entries: readonly string[]): Promise<void> {
    const state = this.#current(lease.scope, lease.term);
    for (const entry of entries) state.marks.delete(entry);
  }

  #current(scope: string, term: number): Scope {
    const state = this.#scopes.get(scope);
    if (state?.term !== term) throw new StaleTermError(scope, term);
    return state;
  }
}
