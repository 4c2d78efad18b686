// Takes messages from the file and settles them: all that comes together in one turn of the event loop is one transaction.
import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { Emit } from "../../event.ts";
import type { BoundQueue, ConsumeOptions, Consumer } from "../consumer.ts";
import type { Bell } from "./bell.ts";
import { Claims, type Row, type Verdict } from "./claims.ts";
import { type BrokerFile, openBrokerFile } from "./file.ts";
import { Hold } from "./hold.ts";
import { createDelivery, readMessage } from "./message.ts";
import { Patience } from "./patience.ts";
import { type Presence, showPresence } from "./presence.ts";
import { afterLast } from "./turns.ts";
import { Undertaker } from "./undertaker.ts";

export interface SqliteConsumerOptions {
  readonly path: string;
  /** The broker's, for people. */
  readonly url: string;
  readonly bell: Bell;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly visibilityTimeoutMs: number;
  readonly onEnd: (consumer: Consumer) => void;
}

interface Settlement {
  readonly row: Row;
  readonly verdict: Verdict;
  readonly resolve: (isOurs: boolean) => void;
  readonly reject: (error: unknown) => void;
}

// Waiting for another writer holds up the whole process, so after this we let go and come again.
const busyTimeoutMs = 50;
// After so many, taken or settled, other writers and the event loop get their turn.
const mostAtOnce = 500;

export class SqliteConsumer implements Consumer {
  readonly #options: SqliteConsumerOptions;
  readonly #consume: ConsumeOptions;
  readonly #file: BrokerFile;
  readonly #presence: Presence;
  readonly #hold: Hold;
  readonly #undertaker: Undertaker;
  readonly #patience: Patience;
  readonly #stop = new AbortController();
  readonly #queues = new Map<string, BoundQueue>();
  /** The names of the queues, the next to be served first. */
  #turns: readonly string[] = [];
  #settlements: Settlement[] = [];
  #prefetch: number;
  #isPaused = false;
  #isScheduled = false;
  #ending: Promise<void> | undefined;
  #stopHearing: () => void = () => undefined;

  private constructor(consume: ConsumeOptions, options: SqliteConsumerOptions) {
    const { path, clock, visibilityTimeoutMs, bell } = options;
    const id = randomBytes(6).toString("hex");
    this.#options = options;
    this.#consume = consume;
    this.#prefetch = consume.prefetch;
    this.#patience = new Patience(options);
    this.#file = openBrokerFile(path, { busyTimeoutMs, durable: false });
    this.#presence = showPresence(path, id);
    const claims = new Claims(this.#file, { id, label: consume.label, clock, visibilityTimeoutMs });
    this.#hold = new Hold(this.#file, claims);
    this.#undertaker = new Undertaker(this.#file, claims, { bell, clock, visibilityTimeoutMs });
  }

  /** @throws LovageError when the file cannot be opened or written */
  static async start(
    queues: readonly BoundQueue[],
    consume: ConsumeOptions,
    options: SqliteConsumerOptions,
  ): Promise<SqliteConsumer> {
    const consumer = new SqliteConsumer(consume, options);
    try {
      await consumer.#patience.insist(() => consumer.#undertaker.begin());
      await consumer.#add(queues);
    } catch (error) {
      consumer.#leave(false);
      throw error;
    }
    consumer.#stopHearing = options.bell.hear(consumer.#schedule);
    void consumer.#undertaker.keepWatch(consumer.#stop.signal);
    return consumer;
  }

  get queues(): readonly BoundQueue[] {
    return [...this.#queues.values()];
  }

  async addQueue(queue: BoundQueue): Promise<void> {
    await this.#add([queue]);
  }

  async cancelQueue(name: string): Promise<boolean> {
    this.#turns = this.#turns.filter((turn) => turn !== name);
    return this.#queues.delete(name);
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    this.#schedule();
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
  }

  close(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #add(queues: readonly BoundQueue[]): Promise<void> {
    await this.#patience.insist(() => this.#hold.declare(queues));
    const added = queues.map(({ name }) => name).filter((name) => !this.#queues.has(name));
    this.#turns = [...this.#turns, ...new Set(added)];
    for (const queue of queues) this.#queues.set(queue.name, queue);
    this.#schedule();
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    this.#stopHearing();
    const settlements = this.#settlements;
    try {
      const answers = await this.#patience.insist(() => this.#hold.end(settlements));
      this.#leave(true);
      answer(settlements, answers);
      this.#options.bell.ring();
    } catch (error) {
      this.#leave(false);
      for (const { reject } of settlements) reject(error);
    }
  }

  /** Whoever did not leave in order is seen to be dead, and others give back what it had. */
  #leave(inOrder: boolean): void {
    this.#file.close();
    this.#presence.end(inOrder);
    this.#options.onEnd(this);
  }

  readonly #schedule = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => void this.#turn());
  };

  async #turn(): Promise<void> {
    if (this.#ending !== undefined) return;
    try {
      this.#isScheduled = false;
      const taken = this.#settleAndTake();
      this.#patience.succeeded();
      for (const row of taken) this.#hand(row);
      if (taken.length === mostAtOnce || this.#settlements.length > 0) this.#schedule();
    } catch (error) {
      this.#isScheduled = true;
      await this.#patience.failed(error, this.#stop.signal);
      this.#isScheduled = false;
      this.#schedule();
    }
  }

  #settleAndTake(): readonly Row[] {
    const settlements = this.#settlements.slice(0, mostAtOnce);
    const room = this.#room(settlements.length);
    if (settlements.length === 0 && (room === 0 || !this.#hold.isWorthIt(this.#turns))) return [];
    const { answers, taken } = this.#hold.exchange(settlements, this.#turns, room);
    this.#settlements = this.#settlements.slice(settlements.length);
    this.#turns = afterLast(this.#turns, taken.at(-1)?.queue);
    answer(settlements, answers);
    if (settlements.some(({ verdict }) => verdict !== "done")) this.#options.bell.ring();
    return taken;
  }

  #room(settling: number): number {
    if (this.#isPaused) return 0;
    if (this.#prefetch === 0) return mostAtOnce;
    return Math.max(0, Math.min(mostAtOnce, this.#prefetch - (this.#hold.size - settling)));
  }

  #hand(row: Row): void {
    const reading = readMessage(row.text);
    if ("envelope" in reading) {
      this.#consume.onDelivery(createDelivery(row, reading.envelope, (verdict) => this.#settle(row, verdict)));
      return;
    }
    const unreadable = { queue: row.queue, bytes: Buffer.byteLength(row.text), reason: reading.reason };
    const tell = (isOurs: boolean): void => (isOurs ? this.#consume.onUnreadable(unreadable) : undefined);
    void this.#settle(row, "aside").then(tell, () => undefined);
  }

  /** What was given back at the end is not ours to settle. */
  #settle(row: Row, verdict: Verdict): Promise<boolean> {
    if (this.#ending !== undefined) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      this.#settlements.push({ row, verdict, resolve, reject });
      this.#schedule();
    });
  }
}

function answer(settlements: readonly Settlement[], answers: readonly boolean[]): void {
  for (const [index, { resolve }] of settlements.entries()) resolve(answers[index] === true);
}
