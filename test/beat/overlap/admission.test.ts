import { describe, expect, it } from "vitest";
import { RunGate } from "../../../src/beat/overlap/gate.ts";
import type { Admission, Candidate, OverlapGate } from "../../../src/beat/overlap/overlap.ts";
import { KnownRuns } from "../../../src/beat/overlap/runs.ts";
import type { RunSource } from "../../../src/beat/overlap/source.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import { EventStream } from "../../../src/event.ts";
import { entryOf, type Stage, stage, startAt } from "../../helper/beat-stage.ts";
import { Life } from "../../helper/life.ts";
import { depose, onLooseCable } from "../../helper/loose-cable.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

/** Lets everything go, and remembers what it was asked. */
function openGate(): OverlapGate & { readonly asked: Candidate[] } {
  const asked: Candidate[] = [];
  return {
    asked,
    admit: async (candidates) => {
      asked.push(...candidates);
      return { go: candidates.map(({ occurrence }) => occurrence), held: [] };
    },
    close: async () => undefined,
  };
}

/** Asks `admit` about each question, one after the other. */
function gateBy(admit: OverlapGate["admit"]): OverlapGate {
  return { admit, close: async () => undefined };
}

function letAllGo(candidates: readonly Candidate[]): Admission {
  return { go: candidates.map(({ occurrence }) => occurrence), held: [] };
}

/** The real gate, over workers so quick that each run has ended once it is on its queue; of others nothing is known. */
function quickWorkers(broker: MemoryBroker, clock: ManualClock) {
  const source: RunSource = {
    name: "the result backend",
    needsResults: true,
    look: async (runs) => {
      const ended = new Set(broker.messages("celery").map(({ id }) => id));
      for (const run of runs) if (ended.has(run.taskId)) run.progress = "ended";
    },
    close: async () => undefined,
  };
  const events = new EventStream();
  const callOf = () => ({ queue: "celery", ignoresResult: false });
  const tools = { scope: "test", clock, events, sources: [source], runs: new KnownRuns(), callOf };
  return { overlap: new RunGate({ ...tools, limitMs: 86_400_000 }), emit: events.emit };
}

interface Guarded {
  readonly on: Stage;
  readonly cable: { isCut: boolean };
}

async function guarded(entries = [entryOf({ overlap: "skip" })], life = new Life()): Promise<Guarded> {
  const clock = new ManualClock(startAt);
  const { broker, cable } = onLooseCable(clock);
  return { on: await stage({ clock, broker, entries, life, more: quickWorkers(broker, clock) }), cable };
}

describe("an entry with an overlap policy", () => {
  it("is asked about the run that another beat sent last, though nothing but the broker is shared", async () => {
    const clock = new ManualClock(startAt);
    const broker = new MemoryBroker({ clock });
    const entries = [entryOf({ overlap: "skip" })];
    const first = await stage({ clock, broker, entries, more: { overlap: openGate() } });
    await clock.advance(20_000);
    await first.beat.stop();
    const gate = openGate();
    const second = await stage({ clock, broker, entries, label: "other:2", more: { overlap: gate } });
    await clock.advance(10_000);
    const sent = broker.messages("celery").map(({ id }) => id);
    expect(sent).toHaveLength(3);
    expect(gate.asked.map(({ previous }) => previous?.taskId)).toEqual([sent[1]]);
    await second.beat.stop();
  });

  it("is asked about a run by hand, too, and its mark of what ran goes with the entry", async () => {
    const gate = openGate();
    const { beat, clock, broker } = await stage({ entries: [entryOf({ overlap: "skip" })], more: { overlap: gate } });
    await clock.advance(12_000);
    const { taskId } = await beat.steering.run({ entry: "ten", by: "alice", reason: null });
    await clock.advance(8_000);
    expect(gate.asked.map(({ previous }) => previous?.taskId ?? null)).toEqual([null, taskId]);
    expect([...(await broker.leases.notes("test")).keys()]).toEqual(["run:ten"]);
    await beat.reload([]);
    expect([...(await broker.leases.notes("test")).keys()]).toEqual([]);
    await beat.stop();
  });

  it.each([
    ["on its way to a broker that does not answer", []],
    ["in line behind another entry", [entryOf({ name: "other", seconds: 7 })]],
  ])("is held back by no run that was let go and then taken back by a pause, %s", async (_where, others) => {
    const { on, cable } = await guarded([entryOf({ overlap: "skip" }), ...others]);
    const { clock, steering } = on;
    await clock.advance(20_000);
    cable.isCut = true;
    await clock.advance(20_000);
    await steering.pause({ entries: ["ten"], by: "alice", reason: null });
    cable.isCut = false;
    await clock.advance(10_000);
    await steering.resume({ entries: ["ten"], by: "alice", catchUp: false });
    await clock.advance(30_000);
    expect(on.sent("ten")).toEqual([10, 20, 60, 70, 80]);
    await on.beat.stop();
  });

  it("is held back by no run that was let go here, and settled by another beat that led meanwhile", async () => {
    const { on, cable } = await guarded();
    const { clock, broker } = on;
    const heldThere = gateBy(async (candidates) => ({
      go: [],
      held: candidates.map(({ occurrence }) => ({ occurrence, reason: "because" })),
    }));
    const entries = [entryOf({ overlap: "skip" })];
    const other = await stage({ clock, broker, entries, label: "other:2", more: { overlap: heldThere } });
    await clock.advance(15_000);
    cable.isCut = true;
    await clock.advance(6_000);
    await depose(on);
    await clock.advance(5_000);
    expect(other.steering.show("ten")).toMatchObject({ skipped: 1, runs: 0 });
    cable.isCut = false;
    await other.beat.stop();
    await clock.advance(29_000);
    expect(on.sent()).toEqual([10, 30, 40, 50]);
    await on.beat.stop();
  });

  it("of which a run is held back late takes none of the next ones twice", async () => {
    const clock = new ManualClock(startAt);
    const asked: number[] = [];
    const overlap = gateBy(async (candidates) => {
      const isFirst = asked.length === 0;
      asked.push(...candidates.map(({ occurrence }) => (occurrence.dueAt - startAt) / 1000));
      if (!isFirst) return letAllGo(candidates);
      await clock.sleep(15_000);
      return { go: [], held: candidates.map(({ occurrence }) => ({ occurrence, reason: "because" })) };
    });
    const on = await stage({ clock, entries: [entryOf({ overlap: "skip", maxRuns: 2 })], more: { overlap } });
    await clock.advance(60_000);
    expect(asked).toEqual([10, 20, 30]);
    expect(on.sent()).toEqual([20, 30]);
    expect(on.steering.show("ten")).toMatchObject({ runs: 2, skipped: 1 });
    await on.beat.stop();
  });

  it("is held with the reason when its gate throws, and the next run is asked about again", async () => {
    let questions = 0;
    const overlap = gateBy(async (candidates) => {
      questions += 1;
      if (questions === 1) throw new Error("router is confused");
      return letAllGo(candidates);
    });
    const on = await stage({ entries: [entryOf({ overlap: "skip" })], more: { overlap } });
    await on.clock.advance(30_000);
    expect(on.sent()).toEqual([20, 30]);
    expect(on.eventsOf("occurrences-missed")).toMatchObject([
      {
        entry: "ten",
        cause: "overlap",
        fromAt: startAt + 10_000,
        reason: expect.stringContaining("router is confused"),
      },
    ]);
    expect(on.steering.show("ten")).toMatchObject({ runs: 2, skipped: 1 });
    expect(on.steering.status()).toMatchObject({ unsent: 0, lateMs: 0 });
    await on.beat.stop();
  });

  it("counts each run once when one is held back behind another that a pause takes back", async () => {
    const { on, cable } = await guarded();
    const { clock, steering } = on;
    cable.isCut = true;
    await clock.advance(21_000);
    await steering.pause({ entries: ["ten"], by: "alice", reason: null });
    cable.isCut = false;
    await clock.advance(4_000);
    const [report] = await steering.resume({ entries: ["ten"], by: "alice", catchUp: false });
    expect(report).toMatchObject({ runs: 0, skipped: 2 });
    await clock.advance(10_000);
    expect(on.sent()).toEqual([30]);
    await on.beat.stop();
  });

  it("does not lose a run that waits for the broker when beat is killed after the next one was held back", async () => {
    const life = new Life();
    const entries = [entryOf({ overlap: "skip", missed: "all" })];
    const { on, cable } = await guarded(entries, life);
    const { clock, broker, store } = on;
    cable.isCut = true;
    await clock.advance(21_000);
    life.kill();
    cable.isCut = false;
    const again = await stage({ clock, broker, store, entries });
    await clock.advance(10_000);
    expect(again.sent()).toContain(10);
    await again.beat.stop();
  });
});
