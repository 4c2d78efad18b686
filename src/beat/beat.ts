// The scheduler: leads or stands by; while it leads, the ticker takes what is due from the plan, the publisher sends it, and
// what became of it is written down. Nothing here waits without a limit, and nothing that goes wrong ends it silently.
import { randomUUID } from "node:crypto";
import { type BackoffOptions, backoff } from "../backoff.ts";
import type { Broker } from "../broker/broker.ts";
import type { Lease } from "../broker/lease.ts";
import type { Clock, Instant } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { software } from "../remote/heartbeat.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Service } from "../service.ts";
import type { Store } from "../store/store.ts";
import type { PlanChange } from "./change.ts";
import { editPlan, tellChange } from "./edit.ts";
import { Leader } from "./leader.ts";
import type { Occurrence } from "./occurrence.ts";
import type { OverlapGate } from "./overlap/overlap.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { BeatSteering, BeatStatus } from "./steer/steering.ts";
import { Takeover } from "./takeover.ts";
import { assemble, type Works } from "./works.ts";

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
  /** Knows what became of runs, for entries with an overlap policy; without it they all go. */
  readonly overlap?: OverlapGate | undefined;
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

const defaultLeaseMs = 10_000;
const burstSize = 1000;
const retry: BackoffOptions = { firstMs: 200, mostMs: 5000 };
/** Two beats that both believe to lead must not take the term from each other without a breath in between. */
const lostPauseMs = 50;
/** What a stopping beat may still spend on sending, and then on everything else. */
const flushMs = 400;
const stopMs = 800;

export class Beat implements Service {
  readonly #options: BeatOptions;
  readonly #works: Works;
  readonly #stopping = new AbortController();
  readonly #startedAt: Instant;
  #entries: readonly Entry[];
  #takeover: Takeover | null = null;
  #ownerId = "";
  #leader: Leader | null = null;
  #lease: Lease | null = null;
  #isStopped = false;
  /** Reloads and beginnings of terms: what a term writes down at first must not undo an edit, nor find half of one. */
  readonly #planning = new OneAtATime();
  #endReign: (reason: string) => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: BeatOptions) {
    this.#options = options;
    this.#entries = options.entries;
    this.#startedAt = options.clock.now();
    this.#works = assemble(options, {
      lease: () => this.#lease,
      status: () => this.#status(),
      endReign: (reason) => this.#endReign(reason),
    });
  }

  /** What this beat can be asked and told, by whoever reaches it. */
  get steering(): BeatSteering {
    return this.#works.steer;
  }

  /** Resolves once the loop runs; a broker that is away does not keep it from starting. */
  async start(): Promise<void> {
    const { store, scope, label, leaseMs = defaultLeaseMs, ...rest } = this.#options;
    const { leases } = rest.broker;
    // A record that is shared proves nothing of who has died, so each of its beats has an id of its own.
    const stored = store.isShared === true ? null : await store.load();
    this.#ownerId = stored?.id ?? randomUUID();
    this.#takeover = new Takeover({ ...rest, store, ...this.#works }, stored);
    const owner = { id: this.#ownerId, label };
    const onRenewed = (): void => void this.#works.ledger.flush();
    if (leases !== undefined) this.#leader = new Leader({ ...rest, scope, owner, leases, leaseMs, onRenewed });
    this.#running = this.#run(this.#takeover);
  }

  /** Sends what is under way, gives up the lease, and stops within a second whatever the broker does. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopping.abort();
    const limit = new AbortController();
    await Promise.race([this.#running, this.#options.clock.sleep(stopMs, limit.signal)]);
    limit.abort();
    this.#options.emit({ type: "beat-stopped", unsent: this.#works.publisher.unsent });
  }

  /** Takes a new set of entries, in effect before this resolves. What is due meanwhile does not wait for it. */
  async reload(entries: readonly Entry[]): Promise<void> {
    const { clock, emit } = this.#options;
    const tools = { ...this.#works, clock, emit, leads: () => this.#lease !== null };
    this.#entries = entries;
    const change = await this.#planning.run(async () => {
      return this.#takeover?.isPlanned === true ? editPlan(tools, entries) : unplanned;
    });
    const { added, changed, removed } = change;
    const counts = { added: added.length, changed: changed.length, removed: removed.length };
    emit({ type: "reload-applied", ...counts, entries: entries.length });
    await tellChange(tools, change);
  }

  /** To be called when the broker is back after an absence: if it came back with old data, a new term sets it right. */
  async recheck(): Promise<void> {
    const [lease, takeover, endReign] = [this.#lease, this.#takeover, this.#endReign];
    if (lease === null || takeover === null) return;
    try {
      await this.#works.ledger.flush();
      if (await takeover.hasForgotten(lease)) endReign("the broker came back with old data");
    } catch {
      // It is away again, and will be asked when it is back.
      return;
    }
  }

  /** For health checks. A standby looks at the lease instead of the clock, so it is always looking. */
  condition(now: Instant): Condition {
    const { ticker, publisher } = this.#works;
    const leads = this.#lease !== null;
    return { leads, lookedAt: leads ? ticker.lookedAt : now, unsent: publisher.unsent, entries: this.#entries.length };
  }

  /** Whether a burst is due within so many milliseconds: what has time should wait. */
  isBurstNear(withinMs: number): boolean {
    const { clock } = this.#options;
    return this.#works.plan.dueBy(clock.now() + withinMs, burstSize).length === burstSize;
  }

  #status(): BeatStatus {
    const { scope, label, store, broker, clock } = this.#options;
    const { plan, publisher } = this.#works;
    const now = clock.now();
    const { leads, ...condition } = this.condition(now);
    const paused = plan.countPaused();
    const who = {
      scope,
      label,
      version: software.sw_ver,
      startedAt: this.#startedAt,
      record: store.location,
      broker: broker.url,
    };
    const leader = leads ? label : (this.#leader?.holder ?? null);
    // What a standby could not send when it led is the leader's by now.
    const lateMs = leads ? Math.max(0, now - plan.dueSince, publisher.lateMs(now)) : 0;
    return { ...who, leads, leader, term: this.#lease?.term ?? null, ...condition, paused, lateMs };
  }

  async #run(takeover: Takeover): Promise<void> {
    const { emit, clock } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const lease = await this.#lead(signal);
      if (lease === null) return;
      try {
        const reason = await this.#reign(takeover, lease);
        failures = 0;
        if (reason !== null) await this.#loseLease(lease, reason);
      } catch (error) {
        emit({ type: "failure", where: "beat", reason: messageOf(error) });
        await clock.sleep(backoff(failures, retry), signal);
        failures += 1;
      }
      this.#setLease(null);
      if (signal.aborted) await this.#leader?.release(lease).catch(() => undefined);
    }
  }

  #setLease(lease: Lease | null): void {
    this.#lease = lease;
    this.#works.ledger.lease = lease;
  }

  async #loseLease(lease: Lease, { reason, isTaken }: End): Promise<void> {
    const { emit, clock, scope } = this.#options;
    this.#setLease(null);
    if (isTaken) this.#leader?.renounce();
    else await this.#leader?.release(lease).catch(() => undefined);
    emit({ type: "beat-lost-lease", scope, reason });
    await clock.sleep(lostPauseMs, this.#stopping.signal);
  }

  async #lead(signal: AbortSignal): Promise<Lease | null> {
    if (this.#leader !== null) return this.#leader.acquire(signal);
    const { scope, label } = this.#options;
    return { scope, owner: { id: this.#ownerId, label }, term: 0 };
  }

  /** Until beat stops (null) or another one leads (why). */
  async #reign(takeover: Takeover, lease: Lease): Promise<End | null> {
    await this.#planning.run(() => takeover.begin(lease, this.#entries));
    this.#setLease(lease);
    const { scope, emit } = this.#options;
    emit({ type: "beat-started", scope, term: lease.term, entries: this.#entries.length });
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
    const parts = this.#parts(lease, end.signal, (why) => finish(why, true));
    await Promise.all(parts.map((part) => part.catch((error: unknown) => finish(messageOf(error)))));
    this.#stopping.signal.removeEventListener("abort", stop);
    if (reason === null) await this.#flush(lease);
    return reason;
  }

  /** What runs side by side while this beat leads. */
  #parts(lease: Lease, signal: AbortSignal, taken: (why: string) => void): readonly Promise<unknown>[] {
    const { ticker, publisher, backfills } = this.#works;
    const ifTrue = (why: string) => (isOver: boolean) => {
      if (isOver) taken(why);
    };
    const stale = "another beat has a newer term, or the broker has forgotten ours";
    const lost = "another beat has taken the lease, or the broker has forgotten it";
    const parts = [ticker.run(signal), backfills.run(signal), publisher.run(lease.term, signal).then(ifTrue(stale))];
    if (this.#leader !== null) parts.push(this.#leader.keep(lease, signal).then(ifTrue(lost)));
    return parts;
  }

  async #flush(lease: Lease): Promise<void> {
    const { publisher, ledger } = this.#works;
    const limit = new AbortController();
    const timeUp = this.#options.clock.sleep(flushMs, limit.signal).then(() => limit.abort());
    const flushed = publisher
      .flush(lease.term, limit.signal)
      .then(() => Promise.all([ledger.flush(), ledger.record()]));
    await Promise.race([flushed, timeUp]);
    limit.abort();
  }
}
