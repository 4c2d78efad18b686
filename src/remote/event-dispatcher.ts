// Sends what monitors read: news of the node at once, news of its tasks in batches; whatever happens, tasks go first.
import type { Broker } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { LamportClock } from "../protocol/lamport.ts";
import {
  type EventAddress,
  eventBatchEnvelope,
  eventEnvelope,
  eventGroup,
  writeEvent,
} from "../protocol/task-event.ts";
import type { Service } from "../service.ts";
import type { EventSink } from "./event-sink.ts";

export interface EventDispatcherOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly lamport: LamportClock;
  /** The node name: `celery@host`. */
  readonly hostname: string;
  /** The setting `eventExchange`. */
  readonly exchange: string;
  /** Whether events of tasks are sent from the start (`-E`). Those of the node itself always are. */
  readonly enabled: boolean;
  /** The longest that a stop waits for the broker to take what is left. */
  readonly stopWithinMs?: number;
}

const flushEveryMs = 1000;
const eventsPerMessage = 100;
/** While the broker is slow or away, so many messages wait; then the oldest are given up. */
const mostWaiting = 100;
const standardStopWithinMs = 2000;

export class EventDispatcher implements EventSink, Service {
  readonly #options: EventDispatcherOptions;
  readonly #address: EventAddress;
  readonly #outbox: Envelope[] = [];
  #tasks: string[] = [];
  #flushing: AbortController | undefined;
  #sending: Promise<void> | undefined;
  #enabled: boolean;
  #stopped = false;

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
    this.#address = Object.freeze({ exchange: options.exchange, hostname: options.hostname });
    this.#enabled = options.enabled;
  }

  /** Whether events of tasks are sent. */
  get enabled(): boolean {
    return this.#enabled;
  }

  enable(): void {
    this.#enabled = true;
  }

  disable(): void {
    this.#enabled = false;
  }

  send(type: string, fields: Readonly<Record<string, unknown>>): void {
    const isOfTask = eventGroup(type) === "task";
    if (this.#stopped || (isOfTask && !this.#enabled)) return;
    const text = this.#write(type, fields);
    if (text === null) return;
    if (!isOfTask) {
      this.#post(eventEnvelope(type, text, this.#address));
      return;
    }
    this.#tasks.push(text);
    if (this.#tasks.length >= eventsPerMessage) this.#flush();
    else this.#flushLater();
  }

  async start(): Promise<void> {
    this.#stopped = false;
  }

  /** Sends what is left, if the broker takes it soon. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#flush();
    const waiting = new AbortController();
    const { clock, stopWithinMs = standardStopWithinMs } = this.#options;
    await Promise.race([this.#sending, clock.sleep(stopWithinMs, waiting.signal)]);
    waiting.abort();
    this.#outbox.length = 0;
  }

  /** Null for what is no data: a monitor that misses an event is no reason to fail a task. */
  #write(type: string, fields: Readonly<Record<string, unknown>>): string | null {
    const { hostname, clock, lamport } = this.#options;
    try {
      return writeEvent(type, fields, { hostname, pid: process.pid, clock: lamport.forward(), at: clock.now() });
    } catch {
      return null;
    }
  }

  #flushLater(): void {
    if (this.#flushing !== undefined) return;
    const flushing = new AbortController();
    this.#flushing = flushing;
    void this.#options.clock.sleep(flushEveryMs, flushing.signal).then(() => {
      if (this.#flushing === flushing) this.#flush();
    });
  }

  #flush(): void {
    this.#flushing?.abort();
    this.#flushing = undefined;
    if (this.#tasks.length === 0) return;
    const texts = this.#tasks;
    this.#tasks = [];
    this.#post(eventBatchEnvelope("task", texts, this.#address));
  }

  #post(envelope: Envelope): void {
    this.#outbox.push(envelope);
    if (this.#outbox.length > mostWaiting) this.#outbox.shift();
    this.#sending ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // What comes in this same turn goes along.
    await Promise.resolve();
    while (this.#outbox.length > 0) await this.#publish(this.#outbox.splice(0));
    this.#sending = undefined;
  }

  /** The broker itself tells that it is away; old events are of no use when it is back. */
  async #publish(batch: readonly Envelope[]): Promise<void> {
    try {
      await this.#options.broker.publish(batch);
    } catch {
      return;
    }
  }
}
