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

interface Answered {
  readonly answers: readonly Answer[];
  readonly refusals: readonly Refusal[];
}

export interface PublisherOptions {
  readonly scope: string;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly createEnvelope: (occurrence: Occurrence, now: Instant) => Envelope;
  /** Called after each batch, while the next one is already on its way. */
  readonly settle: (answers: readonly Answer[], refusals: readonly Refusal[]) => Promise<void>;
}

const retry: BackoffOptions = { firstMs: 50, mostMs: 5000 };
const batchSize = 500;
/** Of a burst, the first messages leave before those behind them are made. */
const firstBatchSize = 50;

export class Publisher {
  readonly #options: PublisherOptions;
  #waiting: Occurrence[] = [];
  #batch: readonly Dispatch[] = [];
  #isIdle = true;
  #ring: () => void = () => undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Occurrences taken from the plan and not yet answered for. */
  get unsent(): number {
    return this.#waiting.length + this.#batch.length;
  }

  /** The names of the entries of what is unsent. */
  pendingEntries(): ReadonlySet<string> {
    const occurrences = [...this.#waiting, ...this.#batch.map((dispatch) => dispatch.occurrence)];
    return new Set(occurrences.map(({ entry }) => entry.name));
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
    let settle = async (): Promise<void> => {};
    while (!signal.aborted) {
      const published = this.#publishNext(term, signal);
      await settle();
      const answered = await published;
      if (answered === "stale") return true;
      settle = () => this.#options.settle(answered.answers, answered.refusals);
      if (this.unsent > 0) continue;
      await settle();
      settle = async () => {};
      await this.#idle(signal);
    }
    await settle();
    return false;
  }

  /** One last try for what is waiting, as far as `signal` allows. */
  async flush(term: number, signal: AbortSignal): Promise<void> {
    while (this.unsent > 0 && !signal.aborted) {
      const answered = await this.#publishNext(term, signal);
      if (answered === "stale") return;
      await this.#options.settle(answered.answers, answered.refusals);
    }
  }

  async #publishNext(term: number, signal: AbortSignal): Promise<Answered | "stale"> {
    const refusals: Refusal[] = [];
    this.#prepare(refusals);
    const { clock, emit } = this.#options;
    const startedAt = clock.monotonic();
    for (let failures = 0; this.#batch.length > 0; ) {
      try {
        const answers = await this.#publish(term);
        const downMs = clock.monotonic() - startedAt;
        if (failures > 0) emit({ type: "publish-recovered", waiting: this.unsent, downMs });
        return { answers, refusals };
      } catch (error) {
        if (error instanceof StaleTermError) return "stale";
        if (error instanceof UndeliverableError) {
          this.#takeOut(error, refusals);
          continue;
        }
        if (signal.aborted) break;
        const retryInMs = backoff(failures, retry);
        failures += 1;
        emit({ type: "publish-failed", reason: messageOf(error), waiting: this.unsent, retryInMs });
        await clock.sleep(retryInMs, signal);
      }
    }
    return { answers: [], refusals };
  }

  /** Fills the batch, unless one without an answer is still there. */
  #prepare(refusals: Refusal[]): void {
    if (this.#batch.length > 0) return;
    const now = this.#options.clock.now();
    const batch: Dispatch[] = [];
    const size = this.#isIdle ? firstBatchSize : batchSize;
    this.#isIdle = false;
    for (const occurrence of this.#waiting.splice(0, size)) {
      const made = this.#dispatch(occurrence, now);
      if ("envelope" in made) batch.push(made);
      else refusals.push(made);
    }
    this.#batch = batch;
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
  #takeOut(error: UndeliverableError, refusals: Refusal[]): void {
    const ids = new Set(error.ids);
    const isOut = ({ envelope }: Dispatch): boolean => ids.has(envelope.id);
    for (const { occurrence } of this.#batch.filter(isOut)) refusals.push({ occurrence, reason: error.message });
    this.#batch = this.#batch.filter((dispatch) => !isOut(dispatch));
  }

  async #publish(term: number): Promise<readonly Answer[]> {
    const { broker, clock, scope } = this.#options;
    const batch = this.#batch;
    const marks = batch.map(({ occurrence }) => ({ entry: occurrence.entry.name, dueAt: occurrence.dueAt }));
    const guard: Guard = { scope, term, marks };
    const envelopes = batch.map((dispatch) => dispatch.envelope);
    const outcomes = await broker.publish(envelopes, broker.leases === undefined ? undefined : guard);
    this.#batch = [];
    const sentAt = clock.now();
    return batch.map((dispatch, index) => ({ dispatch, outcome: outcomes[index] ?? "sent", sentAt }));
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
