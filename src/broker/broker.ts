// What a broker owes: take a batch once, whole or not at all, under the guard of a term and of marks; hand it out safely.
import type { Instant } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { type ErrorDetails, LovageError } from "../error.ts";
import type { BoundQueue, ConsumeOptions, Consumer, Listener } from "./consumer.ts";
import type { LeaseKeeper } from "./lease.ts";

export type PublishOutcome = "sent" | "duplicate";

export interface Broker {
  /** For people, without its password: `redis://127.0.0.1:6379/0`. */
  readonly url: string;
  /**
   * Publishes the batch in order. With a guard, each message and its mark are one atomic step: an envelope that is not
   * newer than its mark is a `duplicate` and is not sent; the rest are sent and their marks move. A term that is over
   * stops the batch ({@link StaleTermError}): what went before it has its marks. When this rejects with any other error
   * the outcome is unknown, and the same batch may be published again under the same guard without harm. One guarded
   * batch at a time: a later one that overtakes a failed one makes its occurrences duplicates. Under a guard that
   * `isNew`, the term alone may decide.
   *
   * @throws UndeliverableError for messages that no queue would get: take them out and publish the rest again
   */
  publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]>;
  /**
   * These messages may soon be published, in this order and under these marks: what can be done before, such as writing
   * them out, may be done now. Another batch, or none, may follow.
   */
  prepare?(batch: readonly Envelope[], marks: readonly Mark[]): void;
  /** Goes the way of `publish`, so that it is quick when it counts, but sends nothing: at most queues and link are written. */
  warmUp?(batch: readonly Envelope[], guard: Guard): Promise<void>;
  /**
   * Starts to hand out messages of the queues, which it declares first. A message that its consumer did not settle comes
   * back: at once when the consumer is known to be dead, else when the visibility timeout has passed.
   */
  consume(queues: readonly BoundQueue[], options: ConsumeOptions): Promise<Consumer>;
  /**
   * Hears every message published to a fanout exchange from now on: `celery.pidbox`, or `celeryev` with whatever routing
   * key. It reconnects by itself; what was published meanwhile is missed.
   */
  listen(exchange: string, onMessage: (envelope: Envelope) => void): Promise<Listener>;
  /** How many messages wait in a queue, over all its priorities. */
  depth(queue: string): Promise<number>;
  /** Throws away what waits in a queue, not what is in hand; resolves with how many. */
  purge(queue: string): Promise<number>;
  /** Undefined where the broker has no atomic step to offer. */
  readonly leases: LeaseKeeper | undefined;
  close(): Promise<void>;
}

/** `marks[i]` belongs to `batch[i]`: the entry it was made for and its nominal due time. */
export interface Guard {
  readonly scope: string;
  readonly term: number;
  readonly marks: readonly Mark[];
  /**
   * The publisher vouches that each message is newer than its mark: it has read all marks under this very term, and had an
   * answer for all that it published since. A batch whose answer was lost is never new when it is published again.
   */
  readonly isNew?: boolean;
}

/** Up to and including `dueAt`, everything of this entry is settled: enqueued, or skipped on purpose. */
export interface Mark {
  readonly entry: string;
  readonly dueAt: Instant;
}

/** Another beat has a newer term: whoever gets this leads no longer and must publish nothing more. */
export class StaleTermError extends LovageError {
  constructor(scope: string, term: number) {
    super("stale-term", `term ${term} of scope ${scope} is over: another beat leads`);
  }
}

/**
 * Some messages of a batch have nowhere to go, and would not have tomorrow. Others of it may have been sent: the rest is to be
 * published again as one that is not new.
 */
export class UndeliverableError extends LovageError {
  /** The ids of the envelopes. */
  readonly ids: readonly string[];

  constructor(ids: readonly string[], message: string, hint?: string) {
    super("broker", message, { hint });
    this.ids = ids;
  }
}

/**
 * The broker answered that it will not take something of a batch, and would not tomorrow: no permission for a queue, a key
 * of another kind. The others of the batch may be published by themselves.
 */
export class RefusedError extends LovageError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("broker", message, details);
  }
}
