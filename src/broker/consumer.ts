// What consuming promises: a message that is handed out stays the broker's until it is settled, however its worker dies.
import type { Envelope, ExchangeType } from "../protocol/envelope.ts";

/** A queue, and the binding through which messages reach it. Consuming declares both. */
export interface BoundQueue {
  readonly name: string;
  /** "" is the default exchange: the routing key is the queue's name. */
  readonly exchange: string;
  readonly exchangeType: ExchangeType;
  readonly routingKey: string;
  /** The queue, its binding and what is in it go when its consumer closes: an inbox for replies. */
  readonly temporary?: boolean;
}

export interface ConsumeOptions {
  /** Who consumes, for people: `celery@host`. */
  readonly label: string;
  /** How many messages may be in hand, handed out and not yet settled, at once; 0: no bound. */
  readonly prefetch: number;
  /** Called for each message, in the order of the queue. It must not throw. */
  readonly onDelivery: (delivery: Delivery) => void;
  /** A message that cannot be read at all. It has been set aside in the queue's {@link rejectedQueue}. */
  readonly onUnreadable: (unreadable: Unreadable) => void;
}

export interface Unreadable {
  readonly queue: string;
  readonly bytes: number;
  readonly reason: string;
}

/**
 * Takes messages from queues. Within a queue the order is by priority and age; of several queues each gets its turn. While
 * the broker is away it tries again by itself, with a growing pause, and tells so through the broker's events.
 */
export interface Consumer {
  readonly queues: readonly BoundQueue[];
  addQueue(queue: BoundQueue): Promise<void>;
  /** What is in hand from it stays in hand. False when it was not consumed. */
  cancelQueue(name: string): Promise<boolean>;
  setPrefetch(prefetch: number): void;
  /** Takes no more; resolves when nothing more will be handed out. What is in hand stays so. Safe twice. */
  pause(): Promise<void>;
  /** Finishes settling, gives back to its place what is still in hand, and ends. Safe twice. */
  close(): Promise<void>;
}

/** One message in hand. The first of ack and reject counts, later ones do nothing. */
export interface Delivery {
  readonly envelope: Envelope;
  /** The queue it came from. */
  readonly queue: string;
  /** Somebody had it before and did not settle it. */
  readonly redelivered: boolean;
  /** We were taken for dead meanwhile, and it was given to somebody else: it is not ours to run any more. */
  readonly isLost: boolean;
  /**
   * Done with: the message is gone. Resolves with false when it was not ours any more (somebody took us for dead).
   * While the broker is away it waits, and settles when it is back; it rejects only when the consumer closes before that.
   */
  ack(): Promise<boolean>;
  /** Back to its place in the queue, as the next one out; or set aside in the queue's {@link rejectedQueue}. */
  reject(requeue: boolean): Promise<boolean>;
}

/** Ends the subscription. */
export interface Listener {
  close(): Promise<void>;
}

/**
 * Where messages go that nobody here can run: refused, unreadable, unknown. Nothing consumes it unless told to, so after a
 * fix `worker -Q celery.rejected` runs them. The newest 10,000 are kept.
 */
export function rejectedQueue(queue: string): string {
  return `${queue}.rejected`;
}

export const rejectedKept = 10_000;
