import { describe, expect, it } from "vitest";
import { isDue } from "../../src/beat/due-order.ts";
import { markOf, type Occurrence, scheduledOccurrence } from "../../src/beat/occurrence.ts";
import { Plan } from "../../src/beat/plan.ts";
import { Publisher } from "../../src/beat/publish.ts";
import type { DueSlot } from "../../src/beat/slot.ts";
import { type Stage, WarmUp } from "../../src/beat/warm-up.ts";
import type { Guard } from "../../src/broker/broker.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import type { LovageEvent } from "../../src/event.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { entryOf, envelopeOf, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const dueAt = startAt + 10_000;
const never = (): boolean => false;

interface Played {
  readonly batch: readonly Envelope[];
  readonly guard: Guard;
}

function readyGroup(slots: readonly DueSlot[]): void {
  const group = { slots };
  for (const slot of slots) {
    const envelope = envelopeOf(scheduledOccurrence(slot));
    slot.ready = { entry: slot.entry, dueAt, envelope, group };
  }
}

function prepare(warmUpBroker?: (played: Played) => Promise<void>, monotonic?: () => number) {
  const clock = new ManualClock(startAt);
  const events: LovageEvent[] = [];
  const plan = new Plan((event) => events.push(event));
  const entries: readonly Entry[] = Array.from({ length: 120 }, (_, index) =>
    entryOf({ name: `e${index}`, maxRuns: index === 7 ? 1 : null }),
  );
  plan.apply(entries, startAt);
  const slots = [...plan.slots.values()].filter(isDue);
  readyGroup(slots.slice(0, 60));
  readyGroup(slots.slice(60));
  const played: Played[] = [];
  const memory = new MemoryBroker({ clock });
  let performed = 0;
  const warmUp = new WarmUp({
    clock: { now: clock.now, sleep: clock.sleep, monotonic: monotonic ?? clock.monotonic },
    broker: {
      leases: memory.leases,
      warmUp: async (batch, guard) => {
        played.push({ batch, guard });
        await warmUpBroker?.({ batch, guard });
      },
    },
    perform: (stage: Stage) => {
      performed += 1;
      return new Publisher({
        scope: "app",
        clock,
        emit: (event) => events.push(event),
        settle: () => undefined,
        createEnvelope: envelopeOf,
        slotOf: (name) => stage.slots.get(name),
        broker: stage.broker,
      });
    },
  });
  return { clock, events, plan, slots, played, memory, warmUp, performed: () => performed };
}

describe("a warm-up", () => {
  it("plays every message of its groups up to the broker, as it would be sent", async () => {
    const { warmUp, slots, played } = prepare();
    const meant: readonly Occurrence[] = slots.map(scheduledOccurrence);
    await warmUp.once(slots, dueAt);
    expect(played.flatMap(({ batch }) => batch)).toEqual(slots.map(({ ready }) => ready?.envelope));
    expect(played.flatMap(({ guard }) => guard.marks)).toEqual(meant.map(markOf));
    expect(played.every(({ guard }) => guard.scope === "app" && guard.isNew === true)).toBe(true);
  });

  it("sends nothing, moves nothing and says nothing", async () => {
    const { warmUp, slots, plan, events, memory, clock } = prepare();
    const before = slots.map((slot) => ({ ...slot }));
    await warmUp.thoroughly(slots, dueAt, never);
    await clock.advance(1000);
    await warmUp.once(slots, dueAt);
    expect(slots.map((slot) => ({ ...slot }))).toEqual(before);
    expect(slots.every((slot, index) => slot.ready === before[index]?.ready)).toBe(true);
    expect(plan.dueBy(dueAt, 1000)).toHaveLength(120);
    expect(plan.wakeAt).toBe(dueAt);
    expect(events).toEqual([]);
    expect(await memory.depth("celery")).toBe(0);
  });

  it("waits for no broker, and does not mind what it says", async () => {
    const mute = prepare(() => new Promise(() => undefined));
    await mute.warmUp.once(mute.slots, dueAt);
    expect(mute.played.length).toBeGreaterThan(0);
    const deaf = prepare(() => Promise.reject(new Error("away")));
    await deaf.warmUp.once(deaf.slots, dueAt);
    expect(deaf.played.length).toBeGreaterThan(0);
  });

  it("is long the first time and short later, and left out while all is warm", async () => {
    const { warmUp, slots, clock, performed } = prepare();
    await warmUp.thoroughly(slots, dueAt, never);
    const first = performed();
    await warmUp.thoroughly(slots, dueAt, never);
    expect(performed()).toBe(first);
    await clock.advance(60_000);
    await warmUp.thoroughly(slots, dueAt, never);
    const later = performed() - first;
    expect(later).toBeGreaterThan(0);
    expect(later).toBeLessThan(first / 4);
  });

  it("ends when it is time, and goes on where it was the next time", async () => {
    const { warmUp, slots, clock, performed } = prepare();
    await warmUp.thoroughly(slots, dueAt, () => performed() >= 3);
    expect(performed()).toBe(3);
    await clock.advance(60_000);
    await warmUp.thoroughly(slots, dueAt, never);
    expect(performed()).toBe(40);
  });

  it("is played in one batch for each group, as it will be sent", async () => {
    const { warmUp, slots, played } = prepare();
    await warmUp.once(slots, dueAt);
    expect(played.map(({ batch }) => batch.length)).toEqual([60, 60]);
  });

  it("holds nothing up where the broker cannot even be asked", async () => {
    const { warmUp, slots, performed } = prepare(() => {
      throw new Error("no");
    });
    await warmUp.once(slots, dueAt);
    expect(performed()).toBe(1);
  });

  it("tells what takes too long, and lets it be tried again later", async () => {
    let readMs = 0;
    const { warmUp, slots } = prepare(undefined, () => (readMs += 40));
    expect(warmUp.isShorterThan(1)).toBe(true);
    await warmUp.once(slots, dueAt);
    expect([41, 40, 40].map((ms) => warmUp.isShorterThan(ms))).toEqual([true, false, true]);
  });

  it("stays warm for a blink", async () => {
    const { warmUp, slots, clock } = prepare();
    expect(warmUp.isWarm).toBe(false);
    await warmUp.once(slots, dueAt);
    await clock.advance(499);
    expect(warmUp.isWarm).toBe(true);
    await clock.advance(1);
    expect(warmUp.isWarm).toBe(false);
  });

  it("plays what has no group, too, made ahead or not", async () => {
    const { warmUp, slots, played } = prepare();
    for (const slot of slots) slot.ready = slot.ready && { ...slot.ready, group: null };
    const [first] = slots;
    if (first !== undefined) first.ready = null;
    await warmUp.once(slots.slice(0, 3), dueAt);
    expect(played.flatMap(({ guard }) => guard.marks.map(({ entry }) => entry))).toEqual(["e0", "e1", "e2"]);
  });

  it("leaves out who is not due any more", async () => {
    const { warmUp, slots, plan, played } = prepare();
    plan.setPaused(new Map([["e1", { by: "test", reason: null, at: startAt }]]), startAt + 9000);
    await warmUp.once(slots, dueAt);
    const names = played.flatMap(({ guard }) => guard.marks.map(({ entry }) => entry));
    expect(names).toHaveLength(119);
    expect(names).not.toContain("e1");
  });
});
