// A beat with everything real but time: the memory broker, a store, and a clock that moves when told.
import { Beat, type BeatOptions } from "../../src/beat/beat.ts";
import { occurrenceId, type Occurrence } from "../../src/beat/occurrence.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { EventStream, type LovageEvent } from "../../src/event.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { every } from "../../src/schedule/interval.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { ManualClock } from "./manual-clock.ts";

export const startAt = Date.UTC(2026, 10, 23, 12, 0, 0);

export function entryOf(change: Partial<Entry> & { seconds?: number } = {}): Entry {
  const { seconds = 10, ...rest } = change;
  const schedule = rest.schedule ?? every(seconds);
  const entry = {
    name: "ten",
    task: "proj.ten",
    args: [],
    kwargs: {},
    options: {},
    schedule,
    timezone: "UTC",
    enabled: true,
    jitterMs: 0,
    missed: "latest",
    missedWithinMs: null,
    overlap: "allow",
    overlapLimitMs: null,
    ping: null,
    maxRuns: null,
    description: null,
    source: "test",
    ...rest,
  } as const;
  return { ...entry, scheduleHash: rest.scheduleHash ?? JSON.stringify([schedule.toJSON(), entry.enabled]) };
}

export interface Stage {
  readonly beat: Beat;
  readonly clock: ManualClock;
  readonly broker: MemoryBroker;
  readonly store: Store;
  readonly events: LovageEvent[];
  /** Nominal times in seconds after `startAt`, as they lie in the queue. */
  sent(entry?: string): number[];
  eventsOf<Type extends LovageEvent["type"]>(type: Type): Extract<LovageEvent, { type: Type }>[];
}

export interface StageOptions {
  readonly entries?: readonly Entry[];
  readonly clock?: ManualClock;
  readonly broker?: MemoryBroker;
  /** What beat talks to, where that is not the broker itself. */
  readonly through?: Broker;
  readonly store?: Store;
  readonly label?: string;
  readonly more?: Partial<BeatOptions>;
}

export async function stage(options: StageOptions = {}): Promise<Stage> {
  const clock = options.clock ?? new ManualClock(startAt);
  const broker = options.broker ?? new MemoryBroker({ clock });
  const store = options.store ?? new MemoryStore({ clock });
  const stream = new EventStream();
  const events: LovageEvent[] = [];
  stream.subscribe((event) => events.push(event));
  const beat = new Beat({
    scope: "test",
    entries: options.entries ?? [entryOf()],
    broker: options.through ?? broker,
    store,
    clock,
    emit: stream.emit,
    createEnvelope: envelopeOf,
    label: options.label ?? "host:1",
    ...options.more,
  });
  await beat.start();
  await clock.advance(0);
  return {
    beat,
    clock,
    broker,
    store,
    events,
    sent: (entry) =>
      broker
        .messages("celery")
        .filter((message) => entry === undefined || message.headers["entry"] === entry)
        .map((message) => (Number(message.headers["dueAt"]) - startAt) / 1000),
    eventsOf: (type) => events.filter((event): event is never => event.type === type),
  };
}

export function envelopeOf({ entry, dueAt, occasion }: Occurrence): Envelope {
  const id = occurrenceId("test", entry.name, dueAt);
  return {
    id,
    task: entry.task,
    body: JSON.stringify([entry.args, entry.kwargs, {}]),
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: { id, entry: entry.name, dueAt, occasion },
    properties: { correlationId: id, replyTo: "", deliveryMode: 2, priority: 0 },
    destination: { exchange: "", exchangeType: "direct", routingKey: "celery", queue: "celery" },
  };
}
