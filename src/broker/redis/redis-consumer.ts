// One loop that keeps a connection, takes what there is room for, and waits to be told of more. It takes and records in
// one step and says who it is, so that whatever it has in hand finds its way back however it dies.
import { backoff } from "../../backoff.ts";
import { messageOf } from "../../error.ts";
import { PRIORITY_STEPS, queueKey } from "../../protocol/kombu.ts";
import type { BoundQueue, ConsumeOptions, Consumer } from "../consumer.ts";
import { Bell } from "./bell.ts";
import { checkQueue, declareBound, dropBound } from "./bound-queues.ts";
import { fetchScript, forgetScript } from "./consume-scripts.ts";
import { createConsumerId } from "./consumer-id.ts";
import { type ConsumerKeys, consumerKeys } from "./consumer-keys.ts";
import { ConsumerLink } from "./consumer-link.ts";
import { type EndpointContext, retry } from "./endpoint.ts";
import { giveBack } from "./give-back.ts";
import { Hands } from "./hands.ts";
import { Settling } from "./settling.ts";
import { unackedEnd } from "./unacked.ts";
import { goneOf } from "./sweep.ts";
import { Upkeep } from "./upkeep.ts";

/** Even when nobody calls: a safety look, and a look at what is due. */
const lookMs = 1000;
/** Where Redis does not tell of changes. */
const pollMs = 50;
const messagesPerFetch = 200;
const bytesPerFetch = 1 << 20;
/** While there is more in the queues, room for so many is waited for: one fetch for each message would cost more than it. */
const mostPatience = 8;

export class RedisConsumer implements Consumer {
  readonly #id = createConsumerId();
  readonly #options: ConsumeOptions;
  readonly #context: EndpointContext;
  readonly #keys: ConsumerKeys;
  readonly #bell: Bell;
  readonly #settling: Settling;
  readonly #upkeep: Upkeep;
  readonly #hands: Hands;
  readonly #ended = new AbortController();
  #queues: readonly BoundQueue[] = [];
  #prefetch: number;
  #link: ConsumerLink | undefined;
  #running: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #paused = false;
  /** There may be more than there was room for. */
  #isStarved = false;
  #saidRefusal = false;
  #nextNumber = 1;
  #firstQueue = 0;
  /** Tags of a fetch that was not answered: they may be ours. */
  #doubtful: readonly string[] = [];

  private constructor(options: ConsumeOptions, context: EndpointContext) {
    const { transport } = context.connection;
    this.#options = options;
    this.#context = context;
    this.#prefetch = options.prefetch;
    this.#keys = consumerKeys(transport);
    this.#bell = new Bell(context.clock);
    this.#settling = new Settling(this.#keys);
    this.#hands = new Hands({
      settling: this.#settling,
      prefix: transport.prefix,
      options,
      // Our own pushes are no news to us.
      onSettled: (how) => {
        if (how === "requeue" || (this.#isStarved && this.#isWorthIt())) this.#bell.ring();
      },
    });
    this.#upkeep = new Upkeep({
      id: this.#id,
      keys: this.#keys,
      visibilityTimeoutMs: transport.visibilityTimeoutMs,
      clock: context.clock,
      inHand: this.#hands.tags,
    });
  }

  /** Resolves when the connection stands and the queues are declared; it is the first attempt that counts. */
  static async open(
    queues: readonly BoundQueue[],
    options: ConsumeOptions,
    context: EndpointContext,
  ): Promise<RedisConsumer> {
    for (const queue of queues) checkQueue(queue);
    const consumer = new RedisConsumer(options, context);
    consumer.#queues = [...queues];
    await consumer.#connect();
    consumer.#running = consumer.#run();
    return consumer;
  }

  get queues(): readonly BoundQueue[] {
    return this.#queues;
  }

  async addQueue(queue: BoundQueue): Promise<void> {
    checkQueue(queue);
    const link = this.#link;
    // Over a connection that is gone, the next one declares it.
    if (link !== undefined && !link.isLost) {
      await declareBound(link, this.#keys.prefix, [queue]).catch((error: unknown) => {
        if (!link.isLost) throw error;
      });
    }
    this.#queues = [...this.#queues.filter(({ name }) => name !== queue.name), queue];
    this.#bell.ring();
  }

  async cancelQueue(name: string): Promise<boolean> {
    const left = this.#queues.filter((queue) => queue.name !== name);
    const found = left.length < this.#queues.length;
    this.#queues = left;
    return found;
  }

  /** Said again, it has the consumer take what there is room for now, however little. */
  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    if (this.#isStarved && this.#room() > 0) this.#bell.ring();
  }

  async pause(): Promise<void> {
    // What is on its way to us goes back at once.
    this.#paused = true;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#ended.signal.aborted) {
      try {
        const more = await this.#turn();
        attempt = 0;
        if (!more) await this.#bell.wait(this.#patienceMs());
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        const retryInMs = backoff(attempt, retry);
        attempt += 1;
        const reason = `${messageOf(error)}; trying again in ${(retryInMs / 1000).toFixed(1)} s`;
        this.#context.connection.emit({ type: "failure", where: "consumer", reason });
        await this.#context.clock.sleep(retryInMs, this.#ended.signal);
      }
    }
  }

  /** @returns whether there is room for more, and more to take */
  async #turn(): Promise<boolean> {
    const link = this.#link === undefined || this.#link.isLost ? await this.#connect() : this.#link;
    if (this.#doubtful.length > 0) {
      await giveBack(link, this.#keys, this.#doubtful);
      this.#doubtful = [];
    }
    if (!(await this.#upkeep.run(link))) await this.#introduce(link);
    this.#settling.flush();
    return this.#fetch(link);
  }

  async #connect(): Promise<ConsumerLink> {
    await this.#link?.close();
    const { connection } = this.#context;
    const name = `lovage-${this.#options.label.replaceAll(/[^!-~]/g, "_")}`;
    const ring = (): void => this.#bell.ring();
    const link = await ConsumerLink.open({ connection: { ...connection, name }, onChange: ring, onLost: ring });
    try {
      await this.#introduce(link);
    } catch (error) {
      await link.close();
      throw error;
    }
    this.#link = link;
    this.#sayRefusal(link.refusal);
    return link;
  }

  /** Also over a connection that stands, when Redis has forgotten us. */
  async #introduce(link: ConsumerLink): Promise<void> {
    await declareBound(link, this.#keys.prefix, this.#queues);
    const stood = await this.#upkeep.register(link);
    if (!stood) for (const tag of await goneOf(link, this.#keys, [...this.#hands.tags])) this.#hands.lose(tag);
    this.#settling.resume(link, stood);
  }

  #sayRefusal(refusal: string | undefined): void {
    if (refusal === undefined || this.#saidRefusal) return;
    this.#saidRefusal = true;
    const reason = `Redis does not tell of new messages, so it is asked every ${pollMs} ms: ${refusal}`;
    this.#context.connection.emit({ type: "failure", where: "consumer", reason });
  }

  #patienceMs(): number {
    const look = this.#link?.refusal === undefined ? lookMs : pollMs;
    return Math.min(look, this.#upkeep.patienceMs);
  }

  #room(): number {
    return this.#prefetch === 0 ? messagesPerFetch : this.#prefetch - this.#hands.tags.size;
  }

  /** Whether there is room for as many as make a fetch worth its while. */
  #isWorthIt(): boolean {
    return this.#prefetch === 0 || this.#room() >= Math.min(mostPatience, Math.ceil(this.#prefetch / 2));
  }

  async #fetch(link: ConsumerLink): Promise<boolean> {
    const room = Math.min(this.#room(), messagesPerFetch);
    const queues = this.#queues;
    this.#isStarved = room <= 0;
    if (room <= 0 || queues.length === 0 || this.#paused) return false;
    const first = this.#nextNumber;
    this.#nextNumber += room;
    this.#doubtful = Array.from({ length: room }, (_, index) => this.#tag(first + index));
    const { prefix, unacked, index, consumers } = this.#keys;
    const lists = PRIORITY_STEPS.flatMap((step) => queues.map(({ name }) => prefix + queueKey(name, step)));
    const numbers = [first, room, bytesPerFetch, this.#firstQueue % queues.length, queues.length].map(String);
    const ends = queues.map(({ name }) => unackedEnd(name));
    const args = [this.#id, this.#upkeep.score, ...numbers, ...ends];
    const reply = await link.call(fetchScript, [unacked, index, consumers, ...lists], args);
    this.#doubtful = [];
    if (reply === "unknown") {
      await this.#introduce(link);
      return true;
    }
    const [more, ...taken] = reply as [number, ...(string | number)[]];
    this.#nextNumber = first + taken.length / 2;
    // Before: who is handed something may settle it at once, or ask for more.
    this.#isStarved = more === 1;
    this.#handOut(taken, queues, first);
    return this.#isStarved && this.#isWorthIt();
  }

  #handOut(taken: readonly (string | number)[], queues: readonly BoundQueue[], first: number): void {
    for (let i = 0; i + 1 < taken.length; i += 2) {
      const position = (Number(taken[i]) - 1) % queues.length;
      const queue = queues[position]?.name ?? "";
      const tag = this.#tag(first + i / 2);
      this.#firstQueue = position + 1;
      if (this.#paused || !this.#queues.some(({ name }) => name === queue)) this.#hands.putBack(tag);
      else this.#hands.handOut({ tag, queue, text: String(taken[i + 1]) });
    }
  }

  async #close(): Promise<void> {
    this.#paused = true;
    this.#ended.abort();
    this.#bell.ring();
    await this.#running;
    this.#bell.end();
    try {
      const link = this.#link === undefined || this.#link.isLost ? await this.#connect() : this.#link;
      await this.#leave(link);
    } catch (error) {
      const reason = `closed without giving back what was in hand, so that comes later: ${messageOf(error)}`;
      this.#context.connection.emit({ type: "failure", where: "consumer", reason });
    }
    this.#settling.end(this.#context.connection.url);
    await this.#link?.close();
    this.#context.onClosed(this);
  }

  async #leave(link: ConsumerLink): Promise<void> {
    await this.#settling.drain();
    await giveBack(link, this.#keys, [...this.#hands.empty(), ...this.#doubtful]);
    await this.#settling.drain();
    await link.call(forgetScript, [this.#keys.consumers], [this.#id, this.#upkeep.score]);
    await dropBound(
      link,
      this.#keys.prefix,
      this.#queues.filter(({ temporary }) => temporary === true),
    );
  }

  #tag(number: number): string {
    return `${this.#id}:${number}`;
  }
}
