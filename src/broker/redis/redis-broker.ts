// Redis as kombu uses it: lists for queues, sets for bindings, channels for fanouts; and a script or a transaction for the guarded step.
import { type Clock, systemClock } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { queueKeys } from "../../protocol/kombu.ts";
import { RedisConnection } from "../../redis/connection.ts";
import { runScript } from "../../redis/script.ts";
import type { Broker, Guard, Mark, PublishOutcome } from "../broker.ts";
import type { BoundQueue, ConsumeOptions, Consumer, Listener } from "../consumer.ts";
import { checkGuard } from "../guard.ts";
import { type BrokerConnection, type BrokerConnectionOptions, describeConnection } from "./connection.ts";
import { purgeScript } from "./consume-scripts.ts";
import type { Endpoint, EndpointContext } from "./endpoint.ts";
import { Journal } from "./journal.ts";
import { Links } from "./link.ts";
import { RedisLeases } from "./leases.ts";
import { RedisPublisher } from "./publisher.ts";
import { RedisConsumer } from "./redis-consumer.ts";
import { RedisListener } from "./redis-listener.ts";
import { Rehearsal } from "./rehearsal.ts";

export interface RedisBrokerOptions extends BrokerConnectionOptions {
  readonly clock?: Clock;
}

export class RedisBroker implements Broker {
  readonly url: string;
  readonly leases: RedisLeases;
  readonly #options: BrokerConnection;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;
  readonly #journal: Journal;
  readonly #publisher: RedisPublisher;
  readonly #rehearsal: Rehearsal;
  /** Consumers and listeners that somebody may not have closed. */
  readonly #open = new Set<Endpoint>();
  #closed = false;
  readonly #prefix: string;
  readonly #db: number;

  constructor(url: string, options: RedisBrokerOptions) {
    this.#options = describeConnection(url, options);
    this.url = this.#options.url;
    this.#prefix = this.#options.transport.prefix;
    this.#db = this.#options.address.db;
    this.#clock = options.clock ?? systemClock;
    this.#connection = new RedisConnection(this.#options);
    const [connection, prefix] = [this.#connection, this.#prefix];
    const journal = new Journal({ connection, prefix, clock: this.#clock, emit: options.emit });
    const common = { connection, prefix, journal, links: new Links(connection, prefix) };
    this.leases = new RedisLeases(common);
    this.#publisher = new RedisPublisher({ ...common, url: this.url, db: this.#db });
    this.#rehearsal = new Rehearsal({ publisher: this.#publisher, clock: this.#clock });
    this.#journal = journal;
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    checkGuard(batch.length, guard);
    return batch.length === 0 ? [] : this.#publisher.publish(batch, guard);
  }

  async warmUp(batch: readonly Envelope[], guard: Guard): Promise<void> {
    checkGuard(batch.length, guard);
    if (batch.length > 0) await this.#rehearsal.play(batch, guard);
  }

  prepare(batch: readonly Envelope[], marks: readonly Mark[]): void {
    this.#publisher.prepare(batch, marks);
  }

  async consume(queues: readonly BoundQueue[], options: ConsumeOptions): Promise<Consumer> {
    return this.#keep(await RedisConsumer.open(queues, options, this.#context()));
  }

  async listen(exchange: string, onMessage: (envelope: Envelope) => void): Promise<Listener> {
    const channel = `${this.#prefix}/${this.#db}.${exchange}`;
    return this.#keep(await RedisListener.open({ ...this.#context(), channel, onMessage }));
  }

  async purge(queue: string): Promise<number> {
    const keys = queueKeys(queue).map((key) => this.#prefix + key);
    return (await this.#connection.run((client) => runScript(client, purgeScript, keys, []), keys)) as number;
  }

  async depth(queue: string): Promise<number> {
    const keys = queueKeys(queue).map((key) => this.#prefix + key);
    const lengths = await this.#connection.run((client) => Promise.all(keys.map((key) => client.llen(key))), keys);
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#journal.close();
    await Promise.all([...this.#open].map((open) => open.close()));
    await this.#connection.close();
  }

  #context(): EndpointContext {
    if (this.#closed) throw new LovageError("broker", `the connection to ${this.url} is closed`);
    return { connection: this.#options, clock: this.#clock, onClosed: (endpoint) => this.#open.delete(endpoint) };
  }

  async #keep<Kind extends Endpoint>(endpoint: Kind): Promise<Kind> {
    this.#open.add(endpoint);
    // It may have taken its time to open.
    if (this.#closed) await endpoint.close();
    return endpoint;
  }
}
