// From a destination to the queues it means. What no queue would get is an error, never silence.
import type { Destination, Envelope } from "../protocol/envelope.ts";
import { type Binding, routedQueues, topicPattern } from "../protocol/kombu.ts";
import { UndeliverableError } from "./broker.ts";

/** The bindings of each named exchange. */
export type Bindings = ReadonlyMap<string, readonly Binding[]>;

export type Route = (destination: Destination) => readonly string[];

/** A queue to be there before anything is published, bound so that it gets what is. */
export interface Declaration {
  /** "" is the default exchange, which needs no binding. */
  readonly exchange: string;
  readonly binding: Binding;
}

/** The destinations of a batch: messages of one shape share theirs, so that there are few to look at. */
export function destinationsOf(batch: readonly Envelope[]): readonly Destination[] {
  const found = new Set<Destination>();
  let last: Destination | null = null;
  for (const { destination } of batch) {
    if (destination !== last) found.add(destination);
    last = destination;
  }
  return [...found];
}

/** It reaches whoever listens, and needs no queue. */
export function isFanout({ exchange, exchangeType }: Destination): boolean {
  return exchange !== "" && exchangeType === "fanout";
}

/** The exchanges of a batch whose bindings have to be known to route it. */
export function namedExchanges(batch: readonly Envelope[]): readonly string[] {
  const names = new Set<string>();
  for (const { exchange } of destinationsOf(batch)) names.add(exchange);
  names.delete("");
  return [...names];
}

/** The queues a batch asks to be declared, each once. */
export function declarations(batch: readonly Envelope[]): readonly Declaration[] {
  const found = new Map<string, Declaration>();
  for (const { exchange, exchangeType, routingKey, queue } of destinationsOf(batch)) {
    if (queue === undefined || exchangeType === "fanout") continue;
    const key = `${exchange}\0${routingKey}\0${queue}`;
    if (found.has(key)) continue;
    const pattern = exchange !== "" && exchangeType === "topic" ? topicPattern(routingKey) : "";
    found.set(key, { exchange, binding: { routingKey, pattern, queue } });
  }
  return [...found.values()];
}

export function createRoute(bindings: Bindings): Route {
  const known = new Map<string, readonly string[]>();
  return (destination) => {
    const { exchange, exchangeType, routingKey } = destination;
    const key = `${exchangeType}\0${exchange}\0${routingKey}`;
    let queues = known.get(key);
    if (queues === undefined) {
      queues =
        exchange === ""
          ? [routingKey].filter((name) => name !== "")
          : routedQueues(bindings.get(exchange) ?? [], destination);
      known.set(key, queues);
    }
    return queues;
  };
}

/** @throws UndeliverableError naming the first destination that leads nowhere, with the ids of all such messages */
export function checkDeliverable(batch: readonly Envelope[], route: Route): void {
  const isLost = (destination: Destination): boolean => !isFanout(destination) && route(destination).length === 0;
  if (!destinationsOf(batch).some(isLost)) return;
  const lost = batch.filter(({ destination }) => isLost(destination));
  const first = lost[0];
  if (first === undefined) return;
  const { exchange, routingKey } = first.destination;
  const ids = lost.map((envelope) => envelope.id);
  if (exchange === "") throw new UndeliverableError(ids, `task ${first.task} has no queue to go to`);
  throw new UndeliverableError(
    ids,
    `exchange ${exchange} has no queue bound for routing key ${JSON.stringify(routingKey)} (task ${first.task})`,
    "start a worker that consumes from it, or name the queue in the options",
  );
}
