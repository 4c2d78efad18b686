// Redis as kombu uses it: lists for queues, sets for bindings, channels for fanouts; and one script for the guarded step.
import { type Clock, systemClock } from "../../clock.ts";
import { LovageError } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { queueKeys } from "../../protocol/kombu.ts";
import { sendBulk } from "../../redis/bulk.ts";
import { RedisConnection } from "../../redis/connection.ts";
import { callScript, runScript } from "../../redis/script.ts";
import { type Broker, type Guard, type PublishOutcome, StaleTermError, UndeliverableError } from "../broker.ts";
import { sendInOrder } from "../chunks.ts";
import type { BoundQueue, ConsumeOptions, Consumer, Listener } from "../consumer.ts";
import { checkGuard } from "../guard.ts";
import { checkDeliverable, createRoute } from "../routing.ts";
import { declareQueues, readBindings } from "./bindings.ts";
import { type BrokerConnection, type BrokerConnectionOptions, describeConnection } from "./connection.ts";
import { purgeScript } from "./consume-scripts.ts";
import type { Endpoint, EndpointContext } from "./endpoint.ts";
import { wrongKind } from "./failure.ts";
import { RedisLeases } from "./leases.ts";
import {
  type Chunk,
  chunkBatch,
  createTargets,
  groupByTarget,
  hasRepeats,
  scriptArguments,
  type Target,
} from "./publish.ts";
import { RedisConsumer } from "./redis-consumer.ts";
import { RedisListener } from "./redis-listener.ts";
import { type Misfit, publishScript, readMisfit, scopeKeys } from "./scripts.ts";

export interface RedisBrokerOptions extends BrokerConnectionOptions {
  readonly clock?: Clock;
}

// Enough to keep Redis busy while the next chunk is encoded, and no more than that in memory.
const chunksInFlight = 4;

export class RedisBroker implements Broker {
  readonly url: string;
  readonly leases: RedisLeases;
  readonly #options: BrokerConnection;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;
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
    this.leases = new RedisLeases(this.#connection, this.#prefix);
  }

  async publish(batch: readonly Envelope[], guard?: Guard): Promise<readonly PublishOutcome[]> {
    checkGuard(batch.length, guard);
    if (batch.length === 0) return [];
    await declareQueues(this.#connection, this.#prefix, batch);
    const route = createRoute(await readBindings(this.#connection, this.#prefix, batch));
    const targetsOf = createTargets(route, this.#prefix, this.#db);
    checkDeliverable(batch, (envelope) => targetsOf(envelope).length > 0);
    const chunks = chunkBatch(batch, targetsOf);
    if (guard === undefined) return (await sendInOrder(chunks, chunksInFlight, this.#push)).flat();
    await this.#loadScript();
    // Redis may refuse a chunk and take the next. That must not move the mark of an entry past what was refused.
    const repeats = hasRepeats(guard.marks);
    const width = repeats ? 1 : chunksInFlight;
    return (await sendInOrder(chunks, width, (chunk) => this.#pushGuarded(chunk, { batch, guard, repeats }))).flat();
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

  /** Ahead of the chunks: were it missing, a chunk that brings it along could overtake others already on their way. */
  async #loadScript(): Promise<void> {
    await this.#connection.run(async (client) => {
      const { declared } = this.#connection;
      if (declared.has(publishScript.sha)) return;
      await client.script("LOAD", publishScript.text);
      declared.add(publishScript.sha);
    });
  }

  readonly #push = async (chunk: Chunk): Promise<readonly PublishOutcome[]> => {
    await this.#connection.run((client) => {
      const pushes = [...groupByTarget(chunk)].map(([{ key, isChannel }, messages]) =>
        isChannel
          ? Promise.all(messages.map((message) => client.publish(key, message)))
          : sendBulk(client, "lpush", [key, ...messages]),
      );
      return Promise.all<unknown>(pushes);
    }, chunk.targets.lists);
    return chunk.messages.map(() => "sent");
  };

  async #pushGuarded(
    chunk: Chunk,
    {
      batch,
      guard,
      repeats,
    }: { readonly batch: readonly Envelope[]; readonly guard: Guard; readonly repeats: boolean },
  ): Promise<readonly PublishOutcome[]> {
    const args = scriptArguments(chunk, guard, repeats);
    const { term, marks } = scopeKeys(this.#prefix, guard.scope);
    const keys = [term, marks, ...chunk.targets.lists];
    const reply = await this.#connection.run((client) => callScript(client, publishScript, keys, args), keys);
    if (reply === "stale") throw new StaleTermError(guard.scope, guard.term);
    if (!Array.isArray(reply)) throw new LovageError("broker", `${this.url} gave an answer that is not understood`);
    const misfit = readMisfit(reply);
    if (misfit?.wanted === "list") throw this.#notAList(chunk, batch, misfit);
    if (misfit !== null) throw wrongKind(misfit.key, misfit.kind, misfit.wanted);
    const duplicates = new Set(reply as readonly number[]);
    return chunk.messages.map((_, index) => (duplicates.has(index + 1) ? "duplicate" : "sent"));
  }

  #notAList(chunk: Chunk, batch: readonly Envelope[], { key, kind }: Misfit): UndeliverableError {
    const leadsThere = (targets: readonly Target[]): boolean => targets.some((target) => target.key === key);
    const ids = chunk.targets.routes.flatMap((targets, index) =>
      leadsThere(targets) ? [batch[chunk.start + index]?.id ?? ""] : [],
    );
    return new UndeliverableError(
      ids,
      `queue ${JSON.stringify(key)} cannot be written: ${this.url} holds a ${kind} under that name`,
      "choose another queue name or database",
    );
  }
}
