// A queue of one's own for the answers to one command; it goes when the command is done.
import type { Broker } from "../broker/broker.ts";
import type { Delivery } from "../broker/consumer.ts";
import type { Clock } from "../clock.ts";
import { readAnswer } from "../protocol/control.ts";
import type { LamportClock } from "../protocol/lamport.ts";
import type { AddressOptions, Replies } from "./control.ts";

export interface InboxOptions {
  readonly exchange: string;
  /** The command's, and the inbox's own name. */
  readonly ticket: string;
  readonly clock: Clock;
  readonly lamport: LamportClock;
}

export interface Inbox {
  /** Waits until there are enough answers, or none came for so long. */
  collect(timeoutMs: number, options: AddressOptions): Promise<Replies>;
  close(): Promise<void>;
}

type Reply = Readonly<Record<string, unknown>>;

export async function openInbox(broker: Broker, { exchange, ticket, clock, lamport }: InboxOptions): Promise<Inbox> {
  const waiting: Reply[] = [];
  let wake: () => void = () => undefined;
  const queue = { name: `${ticket}.${exchange}`, exchange, exchangeType: "direct", routingKey: ticket } as const;
  const consumer = await broker.consume([{ ...queue, temporary: true }], {
    label: `control ${ticket}`,
    prefetch: 0,
    onDelivery: (delivery) => {
      const reply = replyOf(delivery, ticket, lamport);
      if (reply !== null) waiting.push(reply);
      wake();
    },
    onUnreadable: () => undefined,
  });
  const next = async (timeoutMs: number): Promise<Reply | undefined> => {
    if (waiting.length === 0) {
      const woken = new AbortController();
      wake = () => woken.abort();
      await clock.sleep(timeoutMs, woken.signal);
    }
    return waiting.shift();
  };
  const collect = async (timeoutMs: number, { destination, limit, onReply }: AddressOptions): Promise<Replies> => {
    const named = Array.isArray(destination) ? destination.length : destination === undefined ? 0 : 1;
    const enough = limit ?? (named === 0 ? Number.POSITIVE_INFINITY : named);
    const replies: Reply[] = [];
    while (replies.length < enough) {
      const reply = await next(timeoutMs);
      if (reply === undefined) break;
      replies.push(reply);
      onReply?.(reply);
    }
    return replies;
  };
  return { collect, close: () => consumer.close() };
}

/** Null for what answers nothing: the answer itself has gone from the queue either way. */
function replyOf(delivery: Delivery, ticket: string, lamport: LamportClock): Reply | null {
  delivery.ack().catch(() => undefined);
  try {
    const answer = readAnswer(delivery.envelope);
    lamport.adjust(answer.clock);
    return answer.ticket === null || answer.ticket === ticket ? answer.content : null;
  } catch {
    return null;
  }
}
