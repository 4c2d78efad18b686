// From occurrences to the broker, in order, each batch until it is answered: a lost connection leaves the outcome unknown,
// so the same batch with the same ids goes again, and the broker's marks decide what was there already.
import { setImmediate } from "node:timers/promises";
import { type BackoffOptions, backoff } from "../backoff.ts";
import { type Broker, type Guard, RefusedError, StaleTermError, UndeliverableError } from "../broker/broker.ts";
import type { Clock, Instant } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { Bell } from "./bell.ts";
import { type Dispatch, isScheduledOf, readyFor, type Refusal, refusalOf, refusedFor } from "./dispatch.ts";
import { markOf, type Occurrence } from "./occurrence.ts";
import { Outcomes, type Settle } from "./outcomes.ts";
import { type SlotOf, Waiting } from "./waiting.ts";

/** What was made of some occurrences: messages on their way, and those that no message could be made of. */
interface Batch {
  dispatches: readonly Dispatch[];
  readonly refusals: Refusal[];
}

export interface PublisherOptions {
  readonly scope: string;
  readonly broker: Pick<Broker, "publish" | "leases">;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly createEnvelope: (occurrence: Occurrence, now: Instant) => Envelope;
  /** Undefined when the entry is gone from the schedule. */
  readonly slotOf: SlotOf;
  /** Called with what became of the batches, once there is time for it. */
  readonly settle: Settle;
}

const retry: BackoffOptions = { firstMs: 50, mostMs: 5000 };
const batchSize = 2000;
/** Of a burst, the first messages leave before those behind them are made. */
const firstBatchSize = 50;
/** Outcomes are written down when nothing waits, or so many have come together: no stop or failure is to find more. */
const settleSize = 100_000;
/** Between two turns of the event loop: others may be due meanwhile. */
const settleAtOnce = 1000;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #waiting: Waiting;
  /** On its way; it stays until it is answered. */
  #batch: Batch = { dispatches: [], refusals: [] };
  /** Made while the one before is on its way. */
  #next: Batch | null = null;
  readonly #outcomes: Outcomes;
  #isIdle = true;
  /** Taken from the plan under an earlier term: another beat may have sent them since. */
  #fromBefore: ReadonlySet<Occurrence> = new Set();
  readonly #bell = new Bell();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#waiting = new Waiting(options.slotOf);
    this.#outcomes = new Outcomes(options.settle);
  }

  /** Occurrences taken from the plan and not yet answered for. */
  get unsent(): number {
    const { dispatches = [], refusals = [] } = this.#next ?? {};
    return this.#waiting.size + this.#batch.dispatches.length + dispatches.length + refusals.length;
  }

  /** How much later than due the first of what waits is, in milliseconds. What is made up is late on purpose. */
  lateMs(now: Instant): number {
    const first = [this.#batch.dispatches[0]?.occurrence, this.#waiting.first].find(
      (one) => one?.occasion === "scheduled",
    );
    return first === undefined ? 0 : Math.max(0, now - first.dueAt - first.entry.jitterMs);
  }

  /** What is unsent. */
  pending(): readonly Occurrence[] {
    const made = [...this.#batch.dispatches, ...(this.#next?.dispatches ?? [])].map(({ occurrence }) => occurrence);
    return [...made, ...this.#waiting.all()];
  }

  /** Takes out of line what waits. What is on its way stays: nobody knows whether it has arrived. */
  withdraw(isMeant: (occurrence: Occurrence) => boolean): readonly Occurrence[] {
    this.#putBack();
    return this.#waiting.withdraw(isMeant);
  }

  /** Between two terms: what is on its way goes, too, for another beat has settled it. */
  abandon(entries: ReadonlySet<string>): void {
    this.withdraw((occurrence) => isScheduledOf(entries, occurrence));
    const { dispatches, refusals } = this.#batch;
    const kept = dispatches.filter(({ occurrence }) => !isScheduledOf(entries, occurrence));
    this.#batch = { dispatches: kept, refusals: [] };
    this.#outcomes.refuse(refusals);
  }

  add(occurrences: readonly Occurrence[]): void {
    this.#waiting.add(occurrences);
    this.#bell.ring();
  }

  /**
   * Publishes what is added, until `signal` is aborted or the term is over; true when the term is over. What is unsent then
   * stays, for the next term: the marks tell what of it another beat has done.
   */
  async run(term: number, signal: AbortSignal): Promise<boolean> {
    this.#fromBefore = new Set(this.pending());
    while (!signal.aborted) {
      if (this.unsent > 0 && (await this.#publishNext(term, signal))) {
        this.#outcomes.settle();
        return true;
      }
      if (this.unsent > 0 && this.#outcomes.size < settleSize) continue;
      if (this.#outcomes.settle(settleAtOnce)) await setImmediate();
      else await this.#idle(signal);
    }
    this.#outcomes.settle();
    return false;
  }

  /** One last try for what is waiting, as far as `signal` allows. */
  async flush(term: number, signal: AbortSignal): Promise<void> {
    while (this.unsent > 0 && !signal.aborted) {
      if (await this.#publishNext(term, signal)) break;
    }
    this.#outcomes.settle();
  }

  /** Publishes one batch until it is answered, or `signal` is aborted; true when the term is over. */
  async #publishNext(term: number, signal: AbortSignal): Promise<boolean> {
    const { clock, emit } = this.#options;
    let isFirstTry = this.#takeBatch();
    const startedAt = clock.monotonic();
    for (let failures = 0; this.#batch.dispatches.length > 0; ) {
      try {
        await this.#publish(term, isFirstTry);
        if (failures > 0) this.#tellRecovered(startedAt);
      } catch (error) {
        // Some of it may have been sent before it failed.
        isFirstTry = false;
        if (error instanceof StaleTermError) return true;
        if (await this.#isMended(error, term)) continue;
        if (signal.aborted) return false;
        this.#putBack();
        const retryInMs = backoff(failures, retry);
        failures += 1;
        emit({ type: "publish-failed", reason: messageOf(error), waiting: this.unsent, retryInMs });
        const retryAt = clock.monotonic() + retryInMs;
        while (clock.monotonic() < retryAt && this.#outcomes.settle(settleAtOnce)) await setImmediate();
        await clock.sleep(retryAt - clock.monotonic(), signal);
      }
    }
    this.#outcomes.refuse(this.#batch.refusals.splice(0));
    return false;
  }

  #tellRecovered(failedSince: number): void {
    const { clock, emit } = this.#options;
    emit({ type: "publish-recovered", waiting: this.unsent, downMs: clock.monotonic() - failedSince });
  }

  /** The batch without an answer stays what it is; only after it comes the next. True: it was never tried before. */
  #takeBatch(): boolean {
    if (this.#batch.dispatches.length > 0) return false;
    this.#batch = this.#next ?? this.#prepare();
    this.#next = null;
    return true;
  }

  /** Messages that have to wait are made anew when their turn comes: some may have become too old by then. */
  #putBack(): void {
    if (this.#next === null) return;
    const { dispatches, refusals } = this.#next;
    this.#next = null;
    this.#waiting.putBack([...dispatches, ...refusals].map(({ occurrence }) => occurrence));
  }

  #prepare(): Batch {
    const now = this.#options.clock.now();
    const dispatches: Dispatch[] = [];
    const refusals: Refusal[] = [];
    const size = this.#isIdle ? firstBatchSize : batchSize;
    this.#isIdle = false;
    for (const occurrence of this.#waiting.take(size)) {
      const made = this.#dispatch(occurrence, now);
      if ("envelope" in made) dispatches.push(made);
      else refusals.push(made);
    }
    return { dispatches, refusals };
  }

  #dispatch(occurrence: Occurrence, now: Instant): Dispatch | Refusal {
    const standing = this.#options.slotOf(occurrence.entry.name);
    const refusal = refusalOf(occurrence, standing, now);
    if (refusal !== null) return refusal;
    try {
      const entry = standing?.entry ?? occurrence.entry;
      const ready = readyFor(occurrence, standing);
      return { occurrence, envelope: ready ?? this.#options.createEnvelope({ ...occurrence, entry }, now) };
    } catch (error) {
      return { occurrence, cause: "refused", reason: messageOf(error) };
    }
  }

  /** Whether the batch can go on without those of its messages that are to blame. */
  async #isMended(error: unknown, term: number): Promise<boolean> {
    if (error instanceof UndeliverableError) return this.#takeOut(error.ids, refusedFor(error.message));
    return error instanceof RefusedError && this.#publishSingly(term);
  }

  /** What was paused while its answer did not come is not tried again. Whether it has arrived its mark tells. */
  async #withdrawPaused(): Promise<void> {
    const { broker, scope, clock, slotOf } = this.#options;
    const isPaused = ({ occurrence }: Dispatch): boolean =>
      occurrence.occasion !== "manual" && Boolean(slotOf(occurrence.entry.name)?.state.paused);
    const paused = this.#batch.dispatches.filter(isPaused);
    if (paused.length === 0) return;
    const marks = await broker.leases?.marks(scope);
    const arrived = paused.filter(({ occurrence }) => {
      const { entry, dueAt } = markOf(occurrence);
      return (marks?.get(entry) ?? Number.NEGATIVE_INFINITY) >= dueAt;
    });
    this.#outcomes.answer({ dispatches: arrived, outcomes: arrived.map(() => "duplicate"), sentAt: clock.now() });
    const dispatches = this.#batch.dispatches.filter((dispatch) => !arrived.includes(dispatch));
    this.#batch = { ...this.#batch, dispatches };
    const unsent = paused.filter((dispatch) => !arrived.includes(dispatch)).map(({ envelope }) => envelope.id);
    this.#takeOut(unsent, { cause: "paused", reason: "paused while the broker was away" });
  }

  /** One message that nobody would get must not hold up the others. False: there was none to take out. */
  #takeOut(ids: readonly string[], why: Pick<Refusal, "cause" | "reason">): boolean {
    const { dispatches, refusals } = this.#batch;
    const isOut = ({ envelope }: Dispatch): boolean => ids.includes(envelope.id);
    const out = dispatches.filter(isOut);
    refusals.push(...out.map(({ occurrence }) => ({ occurrence, ...why })));
    this.#batch = { dispatches: dispatches.filter((dispatch) => !isOut(dispatch)), refusals };
    return out.length > 0;
  }

  /**
   * Finds out which messages of a refused batch are to blame, by sending each for itself. Where not one is taken it is the
   * broker that is to blame, and all of them wait: false.
   */
  async #publishSingly(term: number): Promise<boolean> {
    const { dispatches } = this.#batch;
    const refused: { readonly id: string; readonly reason: string }[] = [];
    for (const dispatch of dispatches) {
      try {
        await this.#send([dispatch], term);
        this.#batch = { ...this.#batch, dispatches: this.#batch.dispatches.filter((one) => one !== dispatch) };
      } catch (error) {
        // Anything else will come up again when the rest is tried together.
        if (!(error instanceof RefusedError)) break;
        refused.push({ id: dispatch.envelope.id, reason: error.message });
      }
    }
    if (refused.length === dispatches.length) return false;
    for (const { id, reason } of refused) this.#takeOut([id], refusedFor(reason));
    return true;
  }

  async #publish(term: number, isFirstTry: boolean): Promise<void> {
    if (!isFirstTry) await this.#withdrawPaused();
    const { dispatches, refusals } = this.#batch;
    if (dispatches.length === 0) return;
    // What is tried again may have arrived.
    const isNew = isFirstTry && dispatches.every(({ occurrence }) => this.#isNew(occurrence));
    const published = this.#send(dispatches, term, isNew);
    // The first of a burst are not to wait while others are made: a fresh connection has more to ask than one question.
    if (isFirstTry && dispatches.length > firstBatchSize && this.#waiting.size > 0) {
      // The broker works on this batch while the next one is made; but it has to be on the wire first.
      published.catch(() => undefined);
      await setImmediate();
      this.#next ??= this.#prepare();
    }
    await published;
    this.#batch = { dispatches: [], refusals };
  }

  /** Not so what was asked for by hand: it may have been sent under another term. */
  #isNew(occurrence: Occurrence): boolean {
    return occurrence.byHand === undefined && (this.#fromBefore.size === 0 || !this.#fromBefore.has(occurrence));
  }

  async #send(dispatches: readonly Dispatch[], term: number, isNew = false): Promise<void> {
    const { broker, clock, scope } = this.#options;
    const marks = dispatches.map(({ occurrence }) => markOf(occurrence));
    const guard: Guard = { scope, term, marks, isNew };
    const envelopes = dispatches.map((dispatch) => dispatch.envelope);
    const outcomes = await broker.publish(envelopes, broker.leases === undefined ? undefined : guard);
    this.#outcomes.answer({ dispatches, outcomes, sentAt: clock.now() });
  }

  async #idle(signal: AbortSignal): Promise<void> {
    this.#isIdle = true;
    this.#fromBefore = new Set();
    if (this.unsent === 0) await this.#bell.wait(signal);
  }
}
