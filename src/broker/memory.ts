// A broker for tests and for trying things out: the same promises as the others, kept in this process and gone with it.
import { type Clock, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { Binding } from "../protocol/kombu.ts";
import type { Broker, Guard, PublishOutcome } from "./broker.ts";
import type { BoundQueue, ConsumeOptions, Consumer, Listener } from "./consumer.ts";
import { checkGuard } from "./guard.ts";
import { MemoryConsumer } from "./memory/consumer.ts";
import type { MemoryLeases } from "./memory/leases.ts";
import { type Ear, type Place, placeOf } from "./memory/place.ts";

export interface MemoryBrokerOptions {
  /** Brokers of this process with the same name share everything; one without a name is by itself. */
  readonly name?: string;
  readonly clock?: Clock;
  /** Called before a batch is looked at: to throw here is a request that never arrived. */
  readonly before?: (batch: readonly Envelope[]) => void | Promise<void>;
  /** Called when all is done: to throw here is an answer that got lost. */
  readonly after?: (batch: readonly Envelope[]) => void | Promise<void>;
}

export class MemoryBroker implements Broker {
  readonly url: string;
  readonly #options: MemoryBrokerOptions;
  readonly #place: Place;
  readonly #open = new Set<Consumer | Listener>();
  #closed = false;

  constructor(options: MemoryBrokerOptions = {}) {
    const name = options.name ?? "";
    this.url = `memory://${name}`;
    this.#options = options;
    this.#place = placeOf(name, options.clock ?? systemClock);
  }

  get leases(): MemoryLeases {
    return this.#place.leases;
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    checkGuard(batch.length, guard);
    await this.#options.before?.(batch);
    const outcomes = this.#place.publish(batch, () =>
      guard === undefined ? batch.map(() => "sent") : this.leases.settle(guard),
    );
    await this.#options.after?.(batch);
    return outcomes;
  }

  async consume(queues: readonly BoundQueue[], options: ConsumeOptions): Promise<Consumer> {
    this.#checkOpen();
    const consumer = new MemoryConsumer(this.#place, options, (ended) => this.#open.delete(ended));
    this.#open.add(consumer);
    for (const queue of queues) await consumer.addQueue(queue);
    return consumer;
  }

  async listen(exchange: string, onMessage: (envelope: Envelope) => void): Promise<Listener> {
    this.#checkOpen();
    const ear: Ear = { exchange, hear: onMessage };
    this.#place.ears.add(ear);
    const listener: Listener = {
      close: async () => {
        this.#place.ears.delete(ear);
        this.#open.delete(listener);
      },
    };
    this.#open.add(listener);
    return listener;
  }

  async depth(queue: string): Promise<number> {
    return this.#place.line(queue).size;
  }

  async purge(queue: string): Promise<number> {
    return this.#place.line(queue).cut(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((one) => one.close()));
    this.#open.clear();
  }

  /** What waits in a queue, in the order a worker would get it. */
  messages(queue: string): readonly Envelope[] {
    return this.#place
      .line(queue)
      .items()
      .map((item) => item.envelope);
  }

  /** Binds a queue to a named exchange, as a worker would. */
  bind(exchange: string, binding: Binding): void {
    this.#place.bind(exchange, binding);
  }

  #checkOpen(): void {
    if (this.#closed) throw new LovageError("broker", `the broker ${this.url} is closed`);
  }
}
