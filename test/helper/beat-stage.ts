// A beat with everything real but time: the memory broker, a store, and a clock that moves when told.
import { Beat, type BeatOptions } from "../../src/beat/beat.ts";
import { occurrenceId, type Occurrence } from "../../src/beat/occurrence.ts";
import type { BeatSteering } from "../../src/beat/steer/steering.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { EventStream, type LovageEvent, type Occasion } from "../../src/event.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { every } from "../../src/schedule/interval.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import type { Life } from "./life.ts";
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
  readonly steering: BeatSteering;
  /** Nominal times in seconds after `startAt`, as they lie in the queue. */
  sent(entry?: string): number[];
  /** The same of one occasion: what was made up, or sent by hand. */
  sentAs(occasion: Occasion, entry?: string): number[];
  eventsOf<Type extends LovageEvent["type"]>(type: Type): Extract<LovageEvent, { type: Type }>[];
}

export interface StageOptions {
  readonly entries?: readonly Entry[];
  readonly clock?: ManualClock;
  readonly broker?: MemoryBroker;
  /** What beat talks to, where that is not the broker itself. */
  readonly through?: Broker;
  readonly store?: Store;
  /** The process that beat is in, where it is to be killed or stopped. */
  readonly life?: Life;
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
  const { life } = options;
  const through = options.through ?? broker;
  const beat = new Beat({
    scope: "test",
    entries: options.entries ?? [entryOf()],
    broker: life?.around(through) ?? through,
    store: life?.around(store) ?? store,
    clock: life?.clock(clock) ?? clock,
    emit: stream.emit,
    createEnvelope: envelopeOf,
    label: options.label ?? "host:1",
    ...options.more,
  });
  const starting = beat.start();
  await clock.advance(0);
  if (life?.isOver !== true) await starting;
  const sent = (entry?: string, occasion?: Occasion): number[] =>
    broker
      .messages("celery")
      .filter(({ headers }) => entry === undefined || headers["entry"] === entry)
      .filter(({ headers }) => occasion === undefined || headers["occasion"] === occasion)
      .map(({ headers }) => (Number(headers["dueAt"]) - startAt) / 1000);
  return {
    beat,
    clock,
    broker,
    store,
    events,
    get steering() {
      return beat.steering;
    },
    sent: (entry) => sent(entry),
    sentAs: (occasion, entry) => sent(entry, occasion),
    eventsOf: (type) => events.filter((event): event is never => event.type === type),
  };
}

export function envelopeOf({ entry, dueAt, occasion, byHand }: Occurrence): Envelope {
  const id = byHand?.id ?? occurrenceId("test", entry.name, dueAt);
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
