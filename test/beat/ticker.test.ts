import { describe, expect, it } from "vitest";
import type { Occurrence } from "../../src/beat/occurrence.ts";
import { Plan } from "../../src/beat/plan.ts";
import type { Missed } from "../../src/beat/tick.ts";
import { Ticker } from "../../src/beat/ticker.ts";
import type { Clock } from "../../src/clock.ts";
import { entryOf, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const count = 10_000;
const dueAt = startAt + 10_000;
const entries = Array.from({ length: count }, (_, index) =>
  entryOf({ name: `e${index}`, missed: "skip", seconds: 600 }),
);

/** Entries that are due together, taken while each look at the clock takes so long, until the test has seen enough. */
async function take(lookMs: (look: number) => number, unsent = 0) {
  let at = dueAt - 600_000;
  const plan = new Plan(() => undefined);
  plan.apply(entries, at);
  at = dueAt;
  plan.aliveSince = at - 1;
  const clock: Clock = {
    now: () => at,
    monotonic: () => at,
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
  };
  const due: Occurrence[] = [];
  const missed: Missed[] = [];
  const ending = new AbortController();
  let looks = 0;
  const note = (): void => {
    looks += 1;
    at += lookMs(looks);
    if (due.length + missed.length >= count) ending.abort();
  };
  const ticker = new Ticker({
    plan,
    publisher: { unsent },
    ahead: { prepare: async () => undefined },
    clock,
    emit: () => undefined,
    maxIntervalMs: 5000,
    onJump: () => undefined,
    onDue: (more) => {
      due.push(...more);
      note();
    },
    onMissed: (more) => {
      missed.push(...more);
      if (more.length > 0 && due.length === 0) note();
      if (due.length + missed.length >= count) ending.abort();
    },
  });
  await ticker.run(ending.signal);
  return {
    due,
    missed,
    looks,
    names: new Set([...due.map(({ entry }) => entry.name), ...missed.map(({ slot }) => slot.entry.name)]),
  };
}

describe("very many that are due at once", () => {
  it("are all sent, however long up to a minute it takes to take them, where what is missed is skipped", async () => {
    const { due, missed, names } = await take(() => 4000);
    expect(missed).toEqual([]);
    expect(names.size).toBe(count);
    expect(new Set(due.map((one) => `${one.occasion} ${one.dueAt - dueAt}`))).toEqual(new Set(["scheduled 0"]));
  });

  it("are taken a few at first, and more at once then, unless the publisher has enough to do", async () => {
    const quickly = await take(() => 0);
    const calmly = await take(() => 0, 10_000);
    expect(quickly.looks).toBeLessThan(calmly.looks / 2);
    expect([quickly.names.size, calmly.names.size]).toEqual([count, count]);
  });

  it("are missed from where the machine slept in their midst", async () => {
    const { due, missed, names } = await take((look) => (look === 2 ? 20_000 : 0));
    expect(due.length).toBeGreaterThan(0);
    expect(due.length).toBeLessThan(count / 2);
    expect(due.length + missed.length).toBe(count);
    expect(names.size).toBe(count);
  });

  it("are missed once they have been taken for more than a minute", async () => {
    const { due, missed } = await take((look) => (look <= 20 ? 4000 : 0), 10_000);
    expect(due.length).toBe(500 * 17);
    expect(missed).toHaveLength(count - due.length);
  });
});

describe("what is due soon", () => {
  /** When messages began to be made for what is due in 30 seconds, by a beat that has run for so long already. */
  async function preparedMs(phaseMs: number, maxIntervalMs: number): Promise<readonly number[]> {
    const clock = new ManualClock(startAt - phaseMs);
    await clock.advance(phaseMs);
    const plan = new Plan(() => undefined);
    plan.apply([entryOf({ name: "one", seconds: 30 })], startAt);
    const before: number[] = [];
    const ending = new AbortController();
    const ticker = new Ticker({
      plan,
      publisher: { unsent: 0 },
      ahead: {
        prepare: async (at) => {
          before.push(at - clock.now());
        },
      },
      clock,
      emit: () => undefined,
      maxIntervalMs,
      onJump: () => undefined,
      onDue: () => ending.abort(),
      onMissed: () => undefined,
    });
    const running = ticker.run(ending.signal);
    await clock.advance(30_000);
    await running;
    return before;
  }

  it("is made ready four seconds before its time, whenever the rounds come in which beat looks at the clock", async () => {
    for (const phaseMs of [0, 1, 499, 1000, 1500, 2500, 3999, 4000, 4001, 4970, 4999]) {
      expect([phaseMs, await preparedMs(phaseMs, 5000)]).toEqual([phaseMs, [4000]]);
    }
  });

  it("is made ready in the last interval where the longest interval is a short one", async () => {
    for (const phaseMs of [0, 1, 499, 999]) {
      const [first = 0, ...more] = await preparedMs(phaseMs, 1000);
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThanOrEqual(1000);
      expect(more).toEqual([]);
    }
  });
});
