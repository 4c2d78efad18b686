import { describe, expect, it } from "vitest";
import type { Guard } from "../../src/broker/broker.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import type { Refusal } from "../../src/beat/dispatch.ts";
import { Plan } from "../../src/beat/plan.ts";
import { Publisher } from "../../src/beat/publish.ts";
import { tick } from "../../src/beat/tick.ts";
import { entryOf, envelopeOf, startAt } from "../helper/beat-stage.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const lateAt = startAt + 20_000;

function planOf(count: number): Plan {
  const plan = new Plan(() => undefined);
  plan.apply(
    Array.from({ length: count }, (_, index) => entryOf({ name: `entry ${index}` })),
    startAt,
  );
  return plan;
}

async function stagePublisher(plan: Plan) {
  const clock = new ManualClock(startAt + 10_000);
  const guards: Guard[] = [];
  const settled = { answers: 0, refusals: [] as Refusal[] };
  class ListeningBroker extends MemoryBroker {
    override publish(...args: Parameters<MemoryBroker["publish"]>): ReturnType<MemoryBroker["publish"]> {
      if (args[1] !== undefined) guards.push(args[1]);
      return super.publish(...args);
    }
  }
  const broker = new ListeningBroker({ clock });
  const acquired = await broker.leases.acquire("scope", { id: "one", label: "one" }, 60_000);
  const term = "lease" in acquired ? acquired.lease.term : 0;
  const publisher = new Publisher({
    scope: "scope",
    broker,
    clock,
    emit: () => undefined,
    createEnvelope: envelopeOf,
    slotOf: (name) => plan.slots.get(name),
    settle: (answers, refusals) => {
      settled.answers += answers.length;
      settled.refusals.push(...refusals);
    },
  });
  return { clock, broker, publisher, guards, settled, term };
}

async function runWhile(publisher: Publisher, term: number, act: () => Promise<void>): Promise<void> {
  const stopping = new AbortController();
  const running = publisher.run(term, stopping.signal);
  await act();
  stopping.abort();
  publisher.add([]);
  await running;
}

describe("what waited while another term began", () => {
  it("is judged by its marks, and what is taken from then on is vouched for", async () => {
    const plan = planOf(3);
    const { clock, publisher, guards, term } = await stagePublisher(plan);
    publisher.add(tick(plan, startAt + 10_000, 1000).due);
    await runWhile(publisher, term, async () => {
      await clock.settle();
      publisher.add(tick(plan, lateAt, 1000).due);
      await clock.settle();
    });
    expect(guards.map(({ isNew }) => isNew)).toEqual([false, true]);
  });

  it("is not planned a second time, though another beat has sent an earlier run", async () => {
    const plan = planOf(2);
    expect(tick(plan, startAt + 10_000, 1000).due).toHaveLength(2);
    plan.adoptMarks(new Map([["entry 0", startAt + 5000]]), lateAt);
    expect(tick(plan, startAt + 19_000, 1000).due).toEqual([]);
    expect(tick(plan, lateAt, 1000).due.map(({ dueAt }) => dueAt)).toEqual([lateAt, lateAt]);
  });
});

describe("what is given up at the end of a burst", () => {
  it("is settled, though nothing follows that could be sent", async () => {
    const plan = planOf(2060);
    const { clock, publisher, settled, term } = await stagePublisher(plan);
    const { due } = tick(plan, startAt + 10_000, 10_000);
    const gone = due.slice(2050).map(({ entry }) => entry.name);
    for (const name of gone) plan.remove(name, { states: new Map(), marks: new Map() });
    await runWhile(publisher, term, async () => {
      publisher.add(due);
      for (let round = 0; round < 10; round += 1) await clock.settle();
    });
    expect(settled.answers).toBe(2050);
    expect(settled.refusals.map(({ occurrence }) => occurrence.entry.name)).toEqual(gone);
  });
});
