import { describe, expect, it } from "vitest";
import type { Candidate, OverlapGate } from "../../../src/beat/overlap/overlap.ts";
import { MemoryBroker } from "../../../src/broker/memory.ts";
import { entryOf, stage, startAt } from "../../helper/beat-stage.ts";
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
});
