// The queues of an app: those it declares, the default one, and those made when a message first names them.
import type { Settings } from "../config/settings.ts";
import { didYouMean, LovageError } from "../error.ts";
import type { ExchangeType } from "../protocol/envelope.ts";

/** A queue with everything decided. */
export interface Queue {
  readonly name: string;
  readonly exchange: string;
  readonly exchangeType: ExchangeType;
  readonly routingKey: string;
  readonly deliveryMode?: number | undefined;
}

export type QueueSettings = Pick<
  Settings,
  | "taskQueues"
  | "taskCreateMissingQueues"
  | "taskCreateMissingQueueExchangeType"
  | "taskDefaultQueue"
  | "taskDefaultExchange"
  | "taskDefaultExchangeType"
  | "taskDefaultRoutingKey"
>;

export interface Queues {
  readonly default: Queue;
  /** The queues to consume from when a worker is not told otherwise. */
  readonly declared: readonly Queue[];
  /** @throws LovageError when the queue is not declared and `taskCreateMissingQueues` is off */
  get(name: string): Queue;
  /** The type of an exchange that some queue is known to be bound to. */
  exchangeType(exchange: string): ExchangeType | undefined;
}

export function createQueues(settings: QueueSettings): Queues {
  const exchange = settings.taskDefaultExchange ?? settings.taskDefaultQueue;
  const exchangeType = settings.taskDefaultExchangeType;
  const routingKey = settings.taskDefaultRoutingKey ?? settings.taskDefaultQueue;
  const preset = { name: settings.taskDefaultQueue, exchange, exchangeType, routingKey };
  const declared = settings.taskQueues?.map((queue) => ({
    name: queue.name,
    exchange: queue.exchange ?? exchange,
    exchangeType: queue.exchangeType ?? (queue.exchange === undefined ? exchangeType : "direct"),
    routingKey: queue.routingKey ?? queue.name,
    deliveryMode: queue.deliveryMode,
  })) ?? [preset];
  const known = new Map<string, Queue>(declared.map((queue) => [queue.name, Object.freeze(queue)]));
  const get = (name: string): Queue => {
    const queue = known.get(name) ?? createMissing(name, known, settings);
    known.set(name, queue);
    return queue;
  };
  return {
    get default() {
      return get(settings.taskDefaultQueue);
    },
    declared,
    get,
    exchangeType: (name) => [...known.values()].find((queue) => queue.exchange === name)?.exchangeType,
  };
}

function createMissing(name: string, known: ReadonlyMap<string, Queue>, settings: QueueSettings): Queue {
  if (settings.taskCreateMissingQueues) {
    const exchangeType = settings.taskCreateMissingQueueExchangeType ?? "direct";
    return Object.freeze({ name, exchange: name, exchangeType, routingKey: name });
  }
  const near = didYouMean(name, known.keys());
  const guess = near === null ? "" : `did you mean ${near}? `;
  const hint = `${guess}known are ${[...known.keys()].join(", ")}; declare it there, or set taskCreateMissingQueues`;
  throw new LovageError("config", `queue ${name} is not in taskQueues`, { hint });
}
