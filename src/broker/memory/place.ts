// What the memory brokers of one name share: queues, bindings, leases, and who waits for something to come.
import type { Clock } from "../../clock.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { type Binding, topicPattern } from "../../protocol/kombu.ts";
import type { PublishOutcome } from "../broker.ts";
import { type BoundQueue, rejectedKept, rejectedQueue } from "../consumer.ts";
import { checkDeliverable, createRoute, declarations, isFanout, type Route } from "../routing.ts";
import { MemoryLeases } from "./leases.ts";
import { type Item, Line } from "./line.ts";

/** Hears that something may have come. */
export type Wake = () => void;

export interface Ear {
  readonly exchange: string;
  hear(envelope: Envelope): void;
}

export class Place {
  readonly leases: MemoryLeases;
  /** Those who wait for messages. */
  readonly waiters = new Set<Wake>();
  readonly ears = new Set<Ear>();
  readonly #lines = new Map<string, Line>();
  readonly #bindings = new Map<string, Binding[]>();
  #count = 0;

  constructor(clock: Clock) {
    this.leases = new MemoryLeases(clock);
  }

  line(queue: string): Line {
    let line = this.#lines.get(queue);
    if (line === undefined) {
      line = new Line();
      this.#lines.set(queue, line);
    }
    return line;
  }

  bind(exchange: string, binding: Binding): void {
    const { routingKey, pattern, queue } = binding;
    const bound = this.#bindings.get(exchange) ?? [];
    const isThere = bound.some(
      (one) => one.routingKey === routingKey && one.pattern === pattern && one.queue === queue,
    );
    if (!isThere) this.#bindings.set(exchange, [...bound, binding]);
  }

  declare({ name, exchange, exchangeType, routingKey }: BoundQueue): void {
    const pattern = exchangeType === "topic" ? topicPattern(routingKey) : "";
    if (exchange !== "") this.bind(exchange, { routingKey, pattern, queue: name });
  }

  /** Removes the queue, what is in it and its bindings. */
  drop(queue: string): void {
    this.#lines.delete(queue);
    for (const [exchange, bound] of this.#bindings) {
      this.#bindings.set(
        exchange,
        bound.filter((binding) => binding.queue !== queue),
      );
    }
  }

  /** @param judge says what is to be sent, once it is certain that all of it can be */
  publish(batch: readonly Envelope[], judge: () => readonly PublishOutcome[]): readonly PublishOutcome[] {
    for (const { exchange, binding } of declarations(batch)) this.bind(exchange, binding);
    const route = createRoute(this.#bindings);
    checkDeliverable(batch, route);
    const outcomes = judge();
    for (const [index, envelope] of batch.entries()) if (outcomes[index] === "sent") this.#send(envelope, route);
    this.wake();
    return outcomes;
  }

  giveBack(queue: string, item: Item): void {
    this.line(queue).putBack({ ...item, redelivered: true });
  }

  setAside(queue: string, { envelope }: Item): void {
    const line = this.line(rejectedQueue(queue));
    line.put(this.#itemOf(envelope));
    line.cut(rejectedKept);
  }

  wake(): void {
    for (const waiter of this.waiters) waiter();
  }

  #send(envelope: Envelope, route: Route): void {
    for (const queue of route(envelope.destination)) this.line(queue).put(this.#itemOf(envelope));
    if (!isFanout(envelope.destination)) return;
    const hearing = [...this.ears].filter(({ exchange }) => exchange === envelope.destination.exchange);
    setImmediate(() => {
      for (const ear of hearing) if (this.ears.has(ear)) ear.hear(envelope);
    });
  }

  #itemOf(envelope: Envelope): Item {
    this.#count += 1;
    return { envelope, number: this.#count, redelivered: false };
  }
}

const places = new Map<string, Place>();

/** The place of that name in this process; one of its own for "". The first to come brings the clock. */
export function placeOf(name: string, clock: Clock): Place {
  if (name === "") return new Place(clock);
  let place = places.get(name);
  if (place === undefined) {
    place = new Place(clock);
    places.set(name, place);
  }
  return place;
}
