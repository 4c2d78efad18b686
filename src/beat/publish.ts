// From occurrences to the broker, in order, each batch until it is answered: a lost connection leaves the outcome unknown,
// so the same batch with the same ids goes again, and the broker's marks decide what was there already.
import { type BackoffOptions, backoff } from "../backoff.ts";
import { type Broker, type Guard, type PublishOutcome, StaleTermError, UndeliverableError } from "../broker/broker.ts";
import type { Clock, Instant } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { Occurrence } from "./occurrence.ts";

/** One occurrence with the message made for it. */
export interface Dispatch {
  readonly occurrence: Occurrence;
  readonly envelope: Envelope;
}

export interface Answer {
  readonly dispatch: Dispatch;
  readonly outcome: PublishOutcome;
  readonly sentAt: Instant;
}

export interface Refusal {
  readonly occurrence: Occurrence;
  readonly reason: string;
}

/** What was made of some occurrences: messages on their way, and those that no message could be made of. */
interface Batch {
  dispatches: readonly Dispatch[];
  readonly refusals: Refusal[];
}

export interface PublisherOptions {
  readonly scope: string;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly createEnvelope: (occurrence: Occurrence, now: Instant) => Envelope;
  /** Called with what became of the batches, once there is time for it. Never rejects. */
  readonly settle: (answers: readonly Answer[], refusals: readonly Refusal[]) => Promise<void>;
}

const retry: BackoffOptions = { firstMs: 50, mostMs: 5000 };
const batchSize = 2000;
/** Of a burst, the first messages leave before those behind them are made. */
const firstBatchSize = 50;
/** Answers are written down when nothing is waiting to be sent any more, or when so many have come together. */
const settleSize = 10_000;

export class Publisher {
  readonly #options: PublisherOptions;
  #waiting: Occurrence[] = [];
  /** On its way; it stays until it is answered. */
  #batch: Batch = { dispatches: [], refusals: [] };
  /** Made while the one before is on its way. */
  #next: Batch | null = null;
  #answers: Answer[] = [];
  #refusals: Refusal[] = [];
  #isIdle = true;
  #ring: () => void = () => undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Occurrences taken from the plan and not yet answered for. */
  get unsent(): number {
    return this.#waiting.length + this.#batch.dispatches.length + (this.#next?.dispatches.length ?? 0);
  }

  /** The names of the entries of what is unsent. */
  pendingEntries(): ReadonlySet<string> {
    const made = [...this.#batch.dispatches, ...(this.#next?.dispatches ?? [])].map(({ occurrence }) => occurrence);
    return new Set([...this.#waiting, ...made].map(({ entry }) => entry.name));
  }

  add(occurrences: readonly Occurrence[]): void {
    for (const occurrence of occurrences) this.#waiting.push(occurrence);
    this.#ring();
  }

  /**
   * Publishes what is added, until `signal` is aborted or the term is over; true when the term is over. What is unsent then
   * stays, for the next term: the marks tell what of it another beat has done.
   */
  async run(term: number, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const isStale = await this.#publishNext(term, signal);
      const isDone = isStale || this.unsent === 0;
      if (isDone || this.#answers.length >= settleSize) await this.#settle();
      if (isStale) return true;
      if (isDone) await this.#idle(signal);
    }
    await this.#settle();
    return false;
  }

  /** One last try for what is waiting, as far as `signal` allows. */
  async flush(term: number, signal: AbortSignal): Promise<void> {
    while (this.unsent > 0 && !signal.aborted) {
      if (await this.#publishNext(term, signal)) break;
    }
    await this.#settle();
  }

  /** Publishes one batch until it is answered, or `signal` is aborted; true when the term is over. */
  async #publishNext(term: number, signal: AbortSignal): Promise<boolean> {
    const { clock, emit } = this.#options;
    this.#takeBatch();
    const startedAt = clock.monotonic();
    for (let failures = 0; this.#batch.dispatches.length > 0; ) {
      try {
        await this.#publish(term, failures === 0);
        const downMs = clock.monotonic() - startedAt;
        if (failures > 0) emit({ type: "publish-recovered", waiting: this.unsent, downMs });
      } catch (error) {
        if (error instanceof StaleTermError) return true;
        if (error instanceof UndeliverableError) {
          this.#takeOut(error);
          continue;
        }
        if (signal.aborted) return false;
        this.#putBack();
        const retryInMs = backoff(failures, retry);
        failures += 1;
        emit({ type: "publish-failed", reason: messageOf(error), waiting: this.unsent, retryInMs });
        await this.#settle();
        await clock.sleep(retryInMs, signal);
      }
    }
    this.#refusals.push(...this.#batch.refusals.splice(0));
    return false;
  }

  /** The batch without an answer stays what it is; only after it comes the next. */
  #takeBatch(): void {
    if (this.#batch.dispatches.length > 0) return;
    this.#batch = this.#next ?? this.#prepare();
    this.#next = null;
  }

  /** Messages that have to wait are made anew when their turn comes: some may have become too old by then. */
  #putBack(): void {
    if (this.#next === null) return;
    const { dispatches, refusals } = this.#next;
    this.#next = null;
    this.#waiting = [...dispatches, ...refusals].map(({ occurrence }) => occurrence).concat(this.#waiting);
  }

  #prepare(): Batch {
    const now = this.#options.clock.now();
    const dispatches: Dispatch[] = [];
    const refusals: Refusal[] = [];
    const size = this.#isIdle ? firstBatchSize : batchSize;
    this.#isIdle = false;
    for (const occurrence of this.#waiting.splice(0, size)) {
      const made = this.#dispatch(occurrence, now);
      if ("envelope" in made) dispatches.push(made);
      else refusals.push(made);
    }
    return { dispatches, refusals };
  }

  #dispatch(occurrence: Occurrence, now: Instant): Dispatch | Refusal {
    const reason = staleReason(occurrence, now);
    if (reason !== null) return { occurrence, reason };
    try {
      return { occurrence, envelope: this.#options.createEnvelope(occurrence, now) };
    } catch (error) {
      return { occurrence, reason: messageOf(error) };
    }
  }

  /** One message that nobody would get must not hold up the others. */
  #takeOut(error: UndeliverableError): void {
    const ids = new Set(error.ids);
    const { dispatches, refusals } = this.#batch;
    const isOut = ({ envelope }: Dispatch): boolean => ids.has(envelope.id);
    for (const { occurrence } of dispatches.filter(isOut)) refusals.push({ occurrence, reason: error.message });
    this.#batch = { dispatches: dispatches.filter((dispatch) => !isOut(dispatch)), refusals };
  }

  async #publish(term: number, mayPrepare: boolean): Promise<void> {
    const { broker, clock, scope } = this.#options;
    const { dispatches, refusals } = this.#batch;
    const marks = dispatches.map(({ occurrence }) => ({ entry: occurrence.entry.name, dueAt: occurrence.dueAt }));
    const guard: Guard = { scope, term, marks };
    const envelopes = dispatches.map((dispatch) => dispatch.envelope);
    const published = broker.publish(envelopes, broker.leases === undefined ? undefined : guard);
    // The broker works on this batch while the next one is made.
    if (mayPrepare && this.#waiting.length > 0) this.#next ??= this.#prepare();
    const outcomes = await published;
    this.#batch = { dispatches: [], refusals };
    const sentAt = clock.now();
    for (const [index, dispatch] of dispatches.entries()) {
      this.#answers.push({ dispatch, outcome: outcomes[index] ?? "sent", sentAt });
    }
  }

  async #settle(): Promise<void> {
    const [answers, refusals] = [this.#answers, this.#refusals];
    this.#answers = [];
    this.#refusals = [];
    if (answers.length + refusals.length > 0) await this.#options.settle(answers, refusals);
  }

  async #idle(signal: AbortSignal): Promise<void> {
    this.#isIdle = true;
    if (signal.aborted || this.unsent > 0) return;
    await new Promise<void>((resolve) => {
      this.#ring = () => {
        signal.removeEventListener("abort", this.#ring);
        this.#ring = () => undefined;
        resolve();
      };
      signal.addEventListener("abort", this.#ring, { once: true });
    });
  }
}

/** What has waited too long for a broker is not sent any more. */
function staleReason({ entry, dueAt }: Occurrence, now: Instant): string | null {
  const { missedWithinMs } = entry;
  if (missedWithinMs === null || now - dueAt <= missedWithinMs + entry.jitterMs) return null;
  return "the broker was away for longer than missed_within";
}
