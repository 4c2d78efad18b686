import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Ahead } from "../../src/beat/ahead.ts";
import { Plan } from "../../src/beat/plan.ts";
import type { Slot } from "../../src/beat/slot.ts";
import type { Mark } from "../../src/broker/broker.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { entryOf, envelopeOf, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const dueAt = startAt + 10_000;
const many = (count: number, change: Partial<Entry> = {}, tag = "e"): readonly Entry[] =>
  Array.from({ length: count }, (_, index) => entryOf({ name: `${tag}${index}`, ...change }));

interface Prepared {
  readonly batch: readonly Envelope[];
  readonly marks: readonly Mark[];
}

interface WarmUpCall {
  readonly how: "thoroughly" | "once";
  readonly size: number;
  readonly beforeMs: number;
}

interface WarmUpState {
  readonly isWarm?: boolean;
  readonly isShort?: boolean;
  readonly onPlay?: (clock: ManualClock) => void;
}

interface Begun {
  readonly done: Promise<void>;
  readonly wake: () => Promise<void>;
}

async function prepare(
  entries: readonly Entry[],
  onMake: (name: string, clock: ManualClock) => void = () => undefined,
  { isWarm = false, isShort = true, onPlay = () => undefined }: WarmUpState = {},
) {
  const clock = new ManualClock(startAt);
  const plan = new Plan(() => undefined);
  plan.apply(entries, startAt);
  const prepared: Prepared[] = [];
  const warmUps: WarmUpCall[] = [];
  const play = (how: WarmUpCall["how"]) => async (slots: readonly Slot[], at: number) => {
    expect(at).toBe(dueAt);
    warmUps.push({ how, size: slots.length, beforeMs: dueAt - clock.now() });
    onPlay(clock);
  };
  const ahead = new Ahead({
    plan,
    clock,
    broker: { prepare: (batch, marks) => prepared.push({ batch, marks }) },
    warmUp: { thoroughly: play("thoroughly"), once: play("once"), isWarm, isShorterThan: () => isShort },
    createEnvelope: (occurrence) => {
      onMake(occurrence.entry.name, clock);
      return envelopeOf(occurrence);
    },
  });
  /** Until it is done, or waits for the time. */
  const begin = async (): Promise<Begun> => {
    const nap = new AbortController();
    const over = new AbortController();
    const done = ahead.prepare(dueAt, nap.signal).then(() => over.abort());
    while (!over.signal.aborted && clock.sleepers === 0) await setImmediate();
    const wake = async (): Promise<void> => {
      nap.abort();
      await done;
    };
    return { done, wake };
  };
  const again = async (): Promise<void> => (await begin()).wake();
  const begun = await begin();
  const ready = [...plan.slots.values()].filter((slot) => slot.ready !== null);
  return { clock, plan, prepared, ready, again, warmUps, ...begun };
}

const groupsOf = (slots: readonly Slot[]): number => new Set(slots.map(({ ready }) => ready?.group)).size;

describe("messages made ahead of their time", () => {
  it("of many due at once are made in groups, each of which the broker is given in order, with its marks", async () => {
    const { prepared, ready } = await prepare(many(1201));
    expect(ready).toHaveLength(1201);
    expect(prepared.map(({ batch }) => batch.length)).toEqual([500, 500, 201]);
    expect(groupsOf(ready)).toBe(3);
    for (const { batch, marks } of prepared) {
      expect(marks).toEqual(batch.map(({ headers }) => ({ entry: headers["entry"], dueAt })));
    }
  });

  it("of few are made one by one", async () => {
    const { prepared, ready } = await prepare(many(49));
    expect(ready.map((slot) => slot.ready?.group)).toEqual(Array.from({ length: 49 }, () => null));
    expect(prepared).toEqual([]);
  });

  it("are grouped only where they are due on the instant and ask for no overlap", async () => {
    const jittered = many(60, { jitterMs: 5000 }, "jitter");
    const careful = many(60, { overlap: "skip", overlapLimitMs: 1000 }, "careful");
    const { prepared, plan } = await prepare([...jittered, ...careful, ...many(60)]);
    expect(prepared).toHaveLength(1);
    expect(prepared[0]?.batch.every(({ headers }) => String(headers["entry"]).startsWith("e"))).toBe(true);
    const others = [...plan.slots.values()].filter(({ entry }) => !entry.name.startsWith("e"));
    expect(others.filter(({ ready }) => ready !== null && ready.group !== null)).toEqual([]);
  });

  it("leave out one that cannot be made", async () => {
    const { prepared, ready } = await prepare(many(60), (name) => {
      if (name === "e7") throw new Error("no");
    });
    expect(ready).toHaveLength(59);
    expect(prepared[0]?.batch).toHaveLength(59);
    expect(prepared[0]?.marks).toHaveLength(59);
  });

  it("are given up when their time comes: a group that is not whole is not given to the broker", async () => {
    const { prepared, ready } = await prepare(many(1201), (name, clock) => {
      if (name === "e700") clock.jump(10_000);
    });
    expect(prepared.map(({ batch }) => batch.length)).toEqual([500]);
    expect(ready.length).toBeLessThan(1201);
  });

  it("are made once, and again only for an entry that has changed", async () => {
    const made: string[] = [];
    const { plan, again } = await prepare(many(60), (name) => made.push(name));
    expect(made).toHaveLength(60);
    await again();
    expect(made).toHaveLength(60);
    const entries = many(60).map((entry, index) => (index === 3 ? { ...entry, args: [1] } : entry));
    const kept = [...plan.slots.values()].map(({ entry }) => entry);
    plan.apply(
      entries.map((entry, index) => (index === 3 ? entry : (kept[index] ?? entry))),
      startAt + 1000,
    );
    await again();
    expect(made.slice(60)).toEqual(["e3"]);
  });

  it("of many are followed by a warm-up with two groups at once, and by a short one right before the time", async () => {
    const { clock, done, warmUps } = await prepare(many(1201));
    const atOnce: WarmUpCall = { how: "thoroughly", size: 1000, beforeMs: 10_000 };
    expect(warmUps).toEqual([atOnce]);
    await clock.advance(9900);
    expect(warmUps).toEqual([atOnce]);
    await clock.advance(85);
    await done;
    expect(warmUps).toEqual([atOnce, { how: "once", size: 1000, beforeMs: 15 }]);
  });

  it("of few are followed by two short ones only", async () => {
    const { done, warmUps, clock } = await prepare(many(49));
    await clock.advance(9997);
    await done;
    const short: WarmUpCall = { how: "once", size: 49, beforeMs: 7 };
    expect(warmUps).toEqual([short, { ...short, beforeMs: 3 }]);
  });

  it("are not waited for where the wall clock is set back before the last warm-up, or between the two last", async () => {
    const before = await prepare(many(60));
    before.clock.jump(-3_600_000);
    await before.clock.advance(9985);
    await before.done;
    expect(before.warmUps.map(({ how }) => how)).toEqual(["thoroughly", "once"]);
    const between = await prepare(many(49), undefined, { onPlay: (clock) => clock.jump(-3_600_000) });
    await between.clock.advance(9993);
    await between.done;
    expect(between.warmUps).toHaveLength(1);
  });

  it("are followed by none where others were warmed up a blink ago, or where it would take too long", async () => {
    for (const state of [{ isWarm: true }, { isShort: false }]) {
      const { done, warmUps, clock } = await prepare(many(49), undefined, state);
      await clock.advance(9997);
      await done;
      expect(warmUps).toEqual([]);
    }
  });

  it("are followed by no short warm-up where it would come too late, or where something else is to be done first", async () => {
    const late = await prepare(many(60));
    late.clock.jump(9);
    await late.clock.advance(9985);
    await late.done;
    expect(late.warmUps.map(({ how }) => how)).toEqual(["thoroughly"]);
    const woken = await prepare(many(60));
    await woken.wake();
    expect(woken.warmUps.map(({ how }) => how)).toEqual(["thoroughly"]);
  });

  it("that were made before an interruption are warmed up for all the same", async () => {
    const { again, warmUps } = await prepare(many(60));
    await again();
    expect(warmUps.map(({ size }) => size)).toEqual([60, 60]);
  });
});
