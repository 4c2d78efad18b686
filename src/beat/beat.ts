// The scheduler: leads or stands by; while it leads, the ticker takes what is due from the plan, the publisher sends it, and
// what became of it is written down. Nothing here waits without a limit, and nothing that goes wrong ends it silently.
import { type BackoffOptions, backoff } from "../backoff.ts";
import { type Broker, StaleTermError } from "../broker/broker.ts";
import type { Lease } from "../broker/lease.ts";
import type { Clock, Instant } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Service } from "../service.ts";
import type { EntryState, Store, StoredState } from "../store/store.ts";
import { absurdMs, sensibleStates, settleFuture } from "./future.ts";
import { Leader } from "./leader.ts";
import type { Occurrence } from "./occurrence.ts";
import { Plan, type PlanChange } from "./plan.ts";
import { Publisher } from "./publish.ts";
import { Recorder } from "./recorder.ts";
import { type Settled, settleAnswers, settleMissed, settleRefusals } from "./settle.ts";
import { Ticker } from "./ticker.ts";

export interface BeatOptions {
  /** Beats with the same scope on the same broker are one: they share marks, and one of them leads. */
  readonly scope: string;
  readonly entries: readonly Entry[];
  readonly broker: Broker;
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly createEnvelope: (occurrence: Occurrence, now: Instant) => Envelope;
  /** For people: who this is, `host:pid`. */
  readonly label: string;
  /** The longest sleep between two looks at the clock, in milliseconds. */
  readonly maxIntervalMs?: number;
  /** How long a lease lasts without renewal, in milliseconds. */
  readonly leaseMs?: number;
}

export interface Condition {
  readonly leads: boolean;
  readonly lookedAt: Instant;
  readonly unsent: number;
  readonly entries: number;
}

/** How leading ended other than by a stop. */
interface End {
  readonly reason: string;
  readonly isTaken: boolean;
}

/** A standby plans when it leads; until then a new set of entries changes nothing. */
const unplanned: PlanChange = { added: [], changed: [], removed: [] };

const defaultMaxIntervalMs = 5000;
const defaultLeaseMs = 10_000;
const retry: BackoffOptions = { firstMs: 200, mostMs: 5000 };
/** Two beats that both believe to lead must not take the term from each other without a breath in between. */
const lostPauseMs = 50;
/** What a stopping beat may still spend on sending, and then on everything else. */
const flushMs = 400;
const stopMs = 800;

export class Beat implements Service {
  readonly #options: BeatOptions;
  readonly #plan: Plan;
  readonly #publisher: Publisher;
  readonly #recorder: Recorder;
  readonly #ticker: Ticker;
  readonly #stopping = new AbortController();
  #entries: readonly Entry[];
  #stored: StoredState = { id: "", entries: new Map() };
  #leader: Leader | null = null;
  #lease: Lease | null = null;
  #isPlanned = false;
  #isStopped = false;
  /** A reload waits for it: what a beginning term writes down must not undo an edit. */
  #beginning: Promise<void> = Promise.resolve();
  #endReign: (reason: string) => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: BeatOptions) {
    const { emit, clock, maxIntervalMs = defaultMaxIntervalMs } = options;
    this.#options = options;
    this.#entries = options.entries;
    this.#plan = new Plan(emit);
    this.#recorder = new Recorder(options.store, emit);
    this.#publisher = new Publisher({
      ...options,
      entryOf: (name) => this.#plan.slots.get(name)?.entry,
      settle: (answers, refusals) =>
        this.#settle([
          settleAnswers(this.#plan.slots, answers),
          settleRefusals(this.#plan.slots, refusals, clock.now()),
        ]),
    });
    this.#ticker = new Ticker({
      plan: this.#plan,
      publisher: this.#publisher,
      clock,
      emit,
      maxIntervalMs,
      onJump: (byMs) => {
        // What was sent by a clock that was days ahead must not silence its entries for days: see future.ts.
        if (byMs < -absurdMs) this.#endReign("the clock was set back by more than a day");
      },
      onMissed: (missed) => this.#settle(missed.map((one) => settleMissed(one, clock.now()))),
    });
  }

  /** Resolves once the loop runs; a broker that is away does not keep it from starting. */
  async start(): Promise<void> {
    const { store, scope, label, leaseMs = defaultLeaseMs, ...rest } = this.#options;
    const { leases } = rest.broker;
    this.#stored = await store.load();
    const owner = { id: this.#stored.id, label };
    if (leases !== undefined) this.#leader = new Leader({ ...rest, scope, owner, leases, leaseMs });
    this.#running = this.#run();
  }

  /** Sends what is under way, gives up the lease, and stops within a second whatever the broker does. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopping.abort();
    const limit = new AbortController();
    await Promise.race([this.#running, this.#options.clock.sleep(stopMs, limit.signal)]);
    limit.abort();
    this.#options.emit({ type: "beat-stopped", unsent: this.#publisher.unsent });
  }

  /** Takes a new set of entries, in effect before this resolves. */
  async reload(entries: readonly Entry[]): Promise<void> {
    this.#entries = entries;
    await this.#beginning;
    const change = this.#isPlanned ? this.#plan.apply(entries, this.#options.clock.now()) : unplanned;
    this.#ticker.wake();
    const { added, changed, removed } = change;
    const counts = { added: added.length, changed: changed.length, removed: removed.length };
    this.#options.emit({ type: "reload-applied", ...counts, entries: entries.length });
    await this.#writeDown(change);
  }

  /** For health checks. A standby looks at the lease instead of the clock, so it is always looking. */
  condition(now: Instant): Condition {
    const leads = this.#lease !== null;
    const lookedAt = leads ? this.#ticker.lookedAt : now;
    return { leads, lookedAt, unsent: this.#publisher.unsent, entries: this.#entries.length };
  }

  async #run(): Promise<void> {
    const { emit, clock } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const lease = await this.#lead(signal);
      if (lease === null) return;
      this.#lease = lease;
      try {
        const reason = await this.#reign(lease);
        failures = 0;
        if (reason !== null) await this.#loseLease(lease, reason);
      } catch (error) {
        emit({ type: "failure", where: "beat", reason: messageOf(error) });
        await clock.sleep(backoff(failures, retry), signal);
        failures += 1;
      }
      if (signal.aborted) await this.#leader?.release(lease).catch(() => undefined);
      this.#lease = null;
    }
  }

  async #loseLease(lease: Lease, { reason, isTaken }: End): Promise<void> {
    const { emit, clock, scope } = this.#options;
    this.#lease = null;
    if (isTaken) this.#leader?.renounce();
    else await this.#leader?.release(lease).catch(() => undefined);
    emit({ type: "beat-lost-lease", scope, reason });
    await clock.sleep(lostPauseMs, this.#stopping.signal);
  }

  async #lead(signal: AbortSignal): Promise<Lease | null> {
    if (this.#leader !== null) return this.#leader.acquire(signal);
    const { scope, label } = this.#options;
    return { scope, owner: { id: this.#stored.id, label }, term: 0 };
  }

  /** Until beat stops (null) or another one leads (why). */
  async #reign(lease: Lease): Promise<End | null> {
    const beginning = this.#begin(lease);
    this.#beginning = beginning.catch(() => undefined);
    await beginning;
    const end = new AbortController();
    let reason: End | null = null;
    const finish = (why: string, isTaken = false): void => {
      reason ??= { reason: why, isTaken };
      end.abort();
    };
    this.#endReign = finish;
    const stop = (): void => end.abort();
    this.#stopping.signal.addEventListener("abort", stop, { once: true });
    if (this.#stopping.signal.aborted) stop();
    const parts: Promise<unknown>[] = [
      this.#ticker.run(end.signal),
      this.#publisher
        .run(lease.term, end.signal)
        .then((isOver) => isOver && finish("another beat has a newer term, or the broker has forgotten ours", true)),
    ];
    if (this.#leader !== null)
      parts.push(
        this.#leader
          .keep(lease, end.signal)
          .then((isLost) => isLost && finish("another beat has taken the lease, or the broker has forgotten it", true)),
      );
    await Promise.all(parts.map((part) => part.catch((error: unknown) => finish(messageOf(error)))));
    this.#stopping.signal.removeEventListener("abort", stop);
    if (reason === null) await this.#flush(lease);
    return reason;
  }

  /** Last run is the later of record and mark: whatever was lost of one is known by the other. */
  async #begin(lease: Lease): Promise<void> {
    const { broker, clock, emit, scope } = this.#options;
    const now = clock.now();
    const onBroker = (await broker.leases?.marks(scope)) ?? new Map<string, Instant>();
    const marks = settleFuture(onBroker, now, emit);
    const before = this.#isPlanned ? this.#plan.states() : this.#stored.entries;
    const removed = this.#isPlanned ? [] : this.#firstPlan(marks, now);
    this.#plan.adoptMarks(marks, now);
    this.#plan.setBack(now + absurdMs, now);
    const states = [...this.#plan.states().values()];
    await this.#mark(
      lease,
      states.filter((state) => onBroker.get(state.name) !== state.settledAt),
      [...onBroker.keys()].filter((name) => !this.#plan.slots.has(name)),
    );
    const changed = states.filter((state) => before.get(state.name) !== state);
    await this.#recorder.record({ states: changed, forget: removed });
    emit({ type: "beat-started", scope, term: lease.term, entries: this.#entries.length });
  }

  #firstPlan(marks: ReadonlyMap<string, Instant>, now: Instant): readonly string[] {
    const states = sensibleStates(this.#stored.entries, now, this.#options.emit);
    const { removed } = this.#plan.apply(this.#entries, now, { states, marks });
    this.#plan.aliveSince = now;
    this.#isPlanned = true;
    this.#stored = { ...this.#stored, entries: new Map() };
    return removed;
  }

  /** What the plan changed is made known at once: a crash must not make an edit look like something missed. */
  async #writeDown({ added, changed, removed }: PlanChange): Promise<void> {
    const states = [...added, ...changed].flatMap((name) => this.#plan.slots.get(name)?.state ?? []);
    await Promise.all([this.#markEdits(states, removed), this.#recorder.record({ states, forget: removed })]);
  }

  async #markEdits(states: readonly EntryState[], removed: readonly string[]): Promise<void> {
    const lease = this.#lease;
    if (lease === null) return;
    // An occurrence from before the edit may still be on its way: its own mark comes with it, and must not find a newer one.
    const pending = this.#publisher.pendingEntries();
    const isIdle = (name: string): boolean => !pending.has(name);
    try {
      await this.#mark(
        lease,
        states.filter(({ name }) => isIdle(name)),
        removed.filter(isIdle),
      );
    } catch (error) {
      if (error instanceof StaleTermError) return;
      this.#options.emit({ type: "failure", where: "marks of edited entries", reason: messageOf(error) });
    }
  }

  async #mark(lease: Lease, states: readonly EntryState[], gone: readonly string[]): Promise<void> {
    const { leases } = this.#options.broker;
    const marks = states.map(({ name, settledAt }) => ({ entry: name, dueAt: settledAt }));
    if (marks.length > 0) await leases?.setMarks(lease, marks);
    if (gone.length > 0) await leases?.dropMarks(lease, gone);
  }

  async #settle(settled: readonly Settled[]): Promise<void> {
    for (const { events } of settled) events.forEach(this.#options.emit);
    await this.#recorder.record({
      states: settled.flatMap(({ states }) => states),
      runs: settled.flatMap(({ runs }) => runs),
    });
  }

  async #flush(lease: Lease): Promise<void> {
    const limit = new AbortController();
    const { clock } = this.#options;
    const timeUp = clock.sleep(flushMs, limit.signal).then(() => limit.abort());
    await Promise.race([this.#publisher.flush(lease.term, limit.signal), timeUp]);
    limit.abort();
  }
}
