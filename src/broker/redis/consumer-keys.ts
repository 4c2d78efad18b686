// The names of what consuming keeps in Redis: kombu's keys, under the names the project gave them, and our own.
import type { RedisTransport } from "./transport.ts";

export interface ConsumerKeys {
  /** Before every key. */
  readonly prefix: string;
  /** kombu's hash of messages that were taken and not settled. */
  readonly unacked: string;
  /** kombu's index of them, by when they were taken. */
  readonly index: string;
  /** Who consumes, and until when he counts as alive. */
  readonly consumers: string;
}

export function consumerKeys({ prefix, unackedKey, unackedIndexKey }: RedisTransport): ConsumerKeys {
  return Object.freeze({
    prefix,
    unacked: unackedKey,
    index: unackedIndexKey,
    consumers: `${prefix}lovage:consumers`,
  });
}
