// The embedded broker: one SQLite file that the processes of a host share, so that a fresh machine needs no server.
import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Emit } from "../../event.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { type Binding, encodeMessage } from "../../protocol/kombu.ts";
import { parseSqliteUrl } from "../../sqlite/url.ts";
import type { Broker, Guard, PublishOutcome } from "../broker.ts";
import { slices } from "../chunks.ts";
import type { BoundQueue, ConsumeOptions, Consumer, Listener } from "../consumer.ts";
import { checkGuard } from "../guard.ts";
import {
  type Bindings,
  checkDeliverable,
  createRoute,
  declarations,
  isFanout,
  namedExchanges,
  type Route,
} from "../routing.ts";
import { Bell } from "./bell.ts";
import { SqliteConsumer } from "./consumer.ts";
import { brokerWords } from "./failure.ts";
import { type BrokerFile, openBrokerFile } from "./file.ts";
import { SqliteLeases } from "./leases.ts";
import { listen, Notices } from "./notices.ts";
import { Patience } from "./patience.ts";
import { readTransport, type SqliteTransport } from "./transport.ts";

export interface SqliteBrokerOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** `broker_transport_options`, in Celery's names. */
  readonly transport?: Readonly<Record<string, unknown>>;
}

// A transaction holds up this process and, for writing, all others: some ten milliseconds at most. Under a guard each
// chunk moves its own marks, so a batch that fails half-way and is published again finds what is done as duplicates.
const messagesPerTransaction = 1000;
// Each waits a while within SQLite; with many writers one of them may be unlucky that long.
const publishAttempts = 3;

export class SqliteBroker implements Broker {
  readonly url: string;
  readonly leases: SqliteLeases;
  readonly #file: BrokerFile;
  readonly #options: SqliteBrokerOptions;
  readonly #transport: SqliteTransport;
  readonly #bell: Bell;
  readonly #notices: Notices;
  readonly #patience: Patience;
  readonly #open = new Set<Consumer | Listener>();
  #closed = false;

  private constructor(url: string, options: SqliteBrokerOptions) {
    const { clock, emit } = options;
    this.url = url;
    this.#patience = new Patience({ url, clock, emit });
    this.#options = options;
    this.#transport = readTransport(options.transport ?? {});
    this.#file = openBrokerFile(parseSqliteUrl(url, brokerWords));
    this.#bell = new Bell(this.#file, clock);
    this.#notices = new Notices(this.#file, clock);
    this.leases = new SqliteLeases(this.#file, clock);
  }

  /** @throws LovageError when the file cannot be opened or created */
  static async open(url: string, options: SqliteBrokerOptions): Promise<SqliteBroker> {
    const broker = new SqliteBroker(url, options);
    options.emit({ type: "broker-connected", url });
    return broker;
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    checkGuard(batch.length, guard);
    const route = this.#prepareRoute(batch);
    checkDeliverable(batch, route);
    const outcomes: PublishOutcome[] = [];
    for (const part of slices(batch, messagesPerTransaction)) {
      if (outcomes.length > 0) await setImmediate();
      const marks = guard?.marks.slice(outcomes.length, outcomes.length + part.length);
      const partGuard = guard && { ...guard, marks: marks ?? [] };
      outcomes.push(...(await this.#patience.insist(() => this.#publishPart(part, route, partGuard), publishAttempts)));
    }
    return outcomes;
  }

  async consume(queues: readonly BoundQueue[], options: ConsumeOptions): Promise<Consumer> {
    this.#checkOpen();
    const consumer = await SqliteConsumer.start(queues, options, {
      path: this.#file.path,
      url: this.url,
      bell: this.#bell,
      clock: this.#options.clock,
      emit: this.#options.emit,
      visibilityTimeoutMs: this.#transport.visibilityTimeoutMs,
      onEnd: this.#forget,
    });
    this.#open.add(consumer);
    if (this.#closed) await consumer.close();
    this.#checkOpen();
    return consumer;
  }

  async listen(exchange: string, onMessage: (envelope: Envelope) => void): Promise<Listener> {
    this.#checkOpen();
    const listener = listen(exchange, {
      file: this.#file,
      notices: this.#notices,
      bell: this.#bell,
      onMessage,
      onEnd: this.#forget,
    });
    this.#open.add(listener);
    return listener;
  }

  async depth(queue: string): Promise<number> {
    const select = "SELECT count(*) FROM message WHERE queue = ? AND claimed_by IS NULL";
    return this.#file.read(() => Number(this.#file.statement(select).pluck().get(queue)));
  }

  async purge(queue: string): Promise<number> {
    const remove = "DELETE FROM message WHERE queue = ? AND claimed_by IS NULL";
    return this.#file.transaction(() => this.#file.statement(remove).run(queue).changes);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#open].map((one) => one.close()));
    this.#file.close();
  }

  readonly #forget = (one: Consumer | Listener): void => void this.#open.delete(one);

  #checkOpen(): void {
    if (this.#closed) throw new LovageError("broker", `the broker ${this.url} is closed`);
  }

  #publishPart(part: readonly Envelope[], route: Route, guard: Guard | undefined): readonly PublishOutcome[] {
    const enqueuedAt = Math.floor(this.#options.clock.now());
    const texts = part.map((envelope) => encodeMessage(envelope, randomUUID()));
    const isLoose = part.every(({ destination }) => isFanout(destination));
    const outcomes = this.#file[isLoose ? "looseTransaction" : "transaction"](() => {
      const insert = this.#file.statement(
        "INSERT INTO message (queue, priority, text, enqueued_at) VALUES (?, ?, ?, ?)",
      );
      const outcomes = guard === undefined ? part.map(() => "sent" as const) : this.leases.settle(guard);
      for (const [index, { destination, properties }] of part.entries()) {
        const text = texts[index];
        if (outcomes[index] !== "sent" || text === undefined) continue;
        if (isFanout(destination)) this.#notices.put(destination.exchange, text);
        for (const queue of route(destination)) insert.run(queue, properties.priority, text, enqueuedAt);
      }
      return outcomes;
    });
    this.#bell.ring();
    return outcomes;
  }

  /** Nearly all batches go through the default exchange, and need no table. */
  #prepareRoute(batch: readonly Envelope[]): Route {
    const exchanges = namedExchanges(batch);
    if (exchanges.length === 0) return createRoute(new Map());
    this.#declare(batch);
    return createRoute(this.#bindings(exchanges));
  }

  #declare(batch: readonly Envelope[]): void {
    const named = declarations(batch).filter(({ exchange }) => exchange !== "");
    if (named.length === 0) return;
    this.#file.transaction(() => {
      const insert = this.#file.statement("INSERT OR IGNORE INTO binding VALUES (?, ?, ?, ?)");
      for (const { exchange, binding } of named) {
        insert.run(exchange, binding.routingKey, binding.pattern, binding.queue);
      }
    });
  }

  #bindings(exchanges: readonly string[]): Bindings {
    const select = "SELECT routing_key AS routingKey, pattern, queue FROM binding WHERE exchange = ?";
    return this.#file.read(
      () => new Map(exchanges.map((exchange) => [exchange, this.#file.statement(select).all(exchange) as Binding[]])),
    );
  }
}
