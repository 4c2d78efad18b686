// Beat's way to Redis without its loop: its own envelopes, published under the guard of a real term, one due time after the other.
import { App } from "../../src/app/app.ts";
import { createBeatEnvelope } from "../../src/beat/envelope.ts";
import { markOf, type Occurrence, scheduledOccurrence } from "../../src/beat/occurrence.ts";
import type { Guard } from "../../src/broker/broker.ts";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { createEntry } from "../../src/schedule/parse.ts";

export interface GuardedBatch {
  readonly envelopes: readonly Envelope[];
  readonly guard: Guard;
}

export interface GuardedPublisher extends AsyncDisposable {
  /** What is due next: one message of each entry, and each time a minute later. */
  readonly due: () => readonly Occurrence[];
  readonly make: (due: readonly Occurrence[]) => GuardedBatch;
  /** The same, with all done that can be done before the messages are due. */
  readonly makeAhead: (due: readonly Occurrence[]) => GuardedBatch;
  /** @throws unless all of it was sent */
  readonly publish: (batch: GuardedBatch) => Promise<void>;
  /** What is put off until there is time for it: marks become what a standby reads. */
  readonly fold: () => Promise<void>;
  readonly publishUnguarded: (batch: GuardedBatch) => Promise<void>;
}

const scope = "bench";
const minuteMs = 60_000;

export async function openGuardedPublisher(url: string, entries: number): Promise<GuardedPublisher> {
  const broker = new RedisBroker(url, { emit: () => undefined, transport: {} });
  const acquired = await broker.leases.acquire(scope, { id: "bench", label: "bench" }, 600_000);
  if (!("lease" in acquired)) throw new Error("somebody else leads");
  const { lease } = acquired;
  const { term } = lease;
  const app = new App(scope);
  await app.finalize();
  const createEnvelope = createBeatEnvelope(app, scope);
  const all = createEntries(entries);
  let dueAt = Math.floor(Date.now() / minuteMs) * minuteMs - 60 * minuteMs;
  const make = (due: readonly Occurrence[]): GuardedBatch => ({
    envelopes: due.map((occurrence) => createEnvelope(occurrence, occurrence.dueAt)),
    guard: { scope, term, marks: due.map(markOf), isNew: true },
  });
  return {
    due: () => {
      dueAt += minuteMs;
      return all.map((entry) => scheduledOccurrence({ entry, schedule: entry.schedule, dueAt }));
    },
    make,
    makeAhead: (due) => {
      const batch = make(due);
      broker.prepare(batch.envelopes, batch.guard.marks);
      return batch;
    },
    publish: async ({ envelopes, guard }) => expectSent(envelopes, await broker.publish(envelopes, guard)),
    fold: () => broker.leases.dropMarks(lease, []),
    publishUnguarded: async ({ envelopes }) => expectSent(envelopes, await broker.publish(envelopes)),
    [Symbol.asyncDispose]: () => broker.close(),
  };
}

function createEntries(count: number) {
  const defaults = { timezone: "UTC", source: "bench", missedWithinMs: null };
  return Array.from({ length: count }, (_, index) => {
    const definition = { name: `entry-${index}`, task: "proj.add", schedule: "* * * * *", args: [index, 2] };
    return createEntry(definition, defaults);
  });
}

function expectSent(envelopes: readonly Envelope[], outcomes: readonly string[]): void {
  const sent = outcomes.filter((outcome) => outcome === "sent").length;
  if (sent !== envelopes.length) throw new Error(`${sent} of ${envelopes.length} were sent`);
}
