import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { LovageError } from "../../src/error.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Changes, EntryState, Store } from "../../src/store/store.ts";
import { entryOf, type Stage, stage, startAt } from "../helper/beat-stage.ts";
import { Life } from "../helper/life.ts";
import { depose, onLooseCable } from "../helper/loose-cable.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const by = "alice@desk";

/** A record that several beats have open: whoever has an older term than it has seen writes nothing. */
class SharedRecord {
  readonly inner: MemoryStore;
  isDown = false;
  readonly refused: Changes[] = [];
  #term = 0;

  constructor(clock: ManualClock) {
    this.inner = new MemoryStore({ clock });
  }

  open(): Store {
    const id = randomUUID();
    const reached = <Answer>(act: () => Promise<Answer>): Promise<Answer> =>
      this.isDown ? Promise.reject(new LovageError("store", "the record cannot be reached")) : act();
    return {
      location: "shared://record",
      isShared: true,
      load: () => reached(async () => ({ ...(await this.inner.load()), id })),
      record: (changes) => reached(() => this.#record(changes)),
      history: (entry, limit) => reached(() => this.inner.history(entry, limit)),
      close: async () => undefined,
    };
  }

  async stateOf(entry: string): Promise<EntryState | undefined> {
    return (await this.inner.load()).entries.get(entry);
  }

  async #record(changes: Changes): Promise<void> {
    const term = changes.term ?? 0;
    if (term < this.#term) {
      this.refused.push(changes);
      throw new LovageError("stale-term", `term ${term} is over`);
    }
    this.#term = term;
    await this.inner.record(changes);
  }
}

async function fleet(change: Parameters<typeof entryOf>[0] = {}) {
  const clock = new ManualClock(startAt);
  const broker = new MemoryBroker({ clock });
  const record = new SharedRecord(clock);
  const entries = [entryOf(change)];
  const join = (label: string, life = new Life()): Promise<Stage> =>
    stage({ clock, broker, entries, label, life, store: record.open() });
  return { clock, broker, record, entries, join };
}

describe("a record shared by several beats", () => {
  it("lets the next leader go on with the counters of the first, though it was there all the time", async () => {
    const { clock, record, join } = await fleet({ missed: "skip" });
    const first = await join("a:1");
    const second = await join("b:2");
    await clock.advance(20_000);
    clock.jump(100_000);
    await clock.advance(10_000);
    const before = await record.stateOf("ten");
    expect(before).toMatchObject({ runs: 3, missed: 10 });
    await first.beat.stop();
    await clock.advance(1_000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    expect(second.steering.show("ten")).toMatchObject({ runs: 3, missed: 10, lastTaskId: before?.lastTaskId });
    await clock.advance(9_000);
    expect(await record.stateOf("ten")).toMatchObject({ runs: 4, missed: 10, lastDueAt: startAt + 140_000 });
    expect((await second.steering.history("ten", 99)).filter((run) => run.outcome === "sent")).toHaveLength(4);
    await second.beat.stop();
  });

  it("goes back and forth between leaders without forgetting or counting anything twice", async () => {
    const { clock, record, join } = await fleet();
    let leader = await join("a:1");
    for (let round = 0; round < 4; round += 1) {
      const next = await join(`b:${round}`);
      await clock.advance(20_000);
      await leader.beat.stop();
      leader = next;
      await clock.advance(500);
    }
    await clock.advance(8_000);
    expect(leader.sent()).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
    expect(await record.stateOf("ten")).toMatchObject({ runs: 9, missed: 0, skipped: 0, failed: 0 });
    expect(await record.inner.history("ten", 99)).toHaveLength(9);
    await leader.beat.stop();
  });

  it("keeps max_runs over all leaders", async () => {
    const { clock, join } = await fleet({ maxRuns: 3 });
    const first = await join("a:1");
    const second = await join("b:2");
    await clock.advance(20_000);
    await first.beat.stop();
    await clock.advance(60_000);
    expect(second.sent()).toEqual([10, 20, 30]);
    await second.beat.stop();
  });

  it("does not let a new term of the same leader take again what is under way: max_runs holds", async () => {
    const clock = new ManualClock(startAt);
    const { broker, cable } = onLooseCable(clock);
    const store = new SharedRecord(clock).open();
    const on = await stage({ clock, broker, store, entries: [entryOf({ maxRuns: 3 })] });
    await clock.advance(15_000);
    cable.isCut = true;
    await clock.advance(7_000);
    await depose(on);
    await clock.advance(5_000);
    cable.isCut = false;
    await clock.advance(100_000);
    expect(on.eventsOf("beat-started")).toHaveLength(2);
    expect(on.sent()).toEqual([10, 20, 30]);
    expect(on.eventsOf("occurrence-duplicate")).toEqual([]);
    expect(on.eventsOf("entry-finished")).toHaveLength(1);
    expect(on.steering.show("ten")).toMatchObject({ runs: 3, nextAt: null });
    await on.beat.stop();
  });

  it("keeps an entry paused that the first leader paused before it was killed, and resumed what it resumed", async () => {
    const { clock, join } = await fleet();
    const life = new Life();
    const first = await join("a:1", life);
    const second = await join("b:2");
    await first.steering.pause({ entries: ["ten"], by, reason: "why not" });
    life.kill();
    await clock.advance(30_000);
    expect(second.steering.show("ten").paused).toMatchObject({ by, reason: "why not" });
    expect(second.sent()).toEqual([]);
    const third = await join("c:3");
    await second.steering.resume({ entries: ["ten"], by, catchUp: false });
    await second.beat.stop();
    await clock.advance(1_000);
    expect(third.steering.show("ten")).toMatchObject({ paused: null, skipped: 3 });
    await clock.advance(9_000);
    expect(third.sent()).toEqual([40]);
    await third.beat.stop();
  });

  it("is out of reach of a deposed leader: what that one had still to write is lost, not written over the next", async () => {
    const { clock, record, join } = await fleet();
    const life = new Life();
    const first = await join("a:1", life);
    const second = await join("b:2");
    await clock.advance(12_000);
    record.isDown = true;
    await clock.advance(10_000);
    life.freeze();
    record.isDown = false;
    await clock.advance(11_000);
    expect(second.eventsOf("beat-started")).toHaveLength(1);
    await clock.advance(9_000);
    const written = await record.stateOf("ten");
    expect(written).toMatchObject({ lastDueAt: startAt + 40_000 });
    life.thaw();
    await clock.advance(5_000);
    expect(first.eventsOf("beat-lost-lease").length).toBeGreaterThan(0);
    expect(await record.stateOf("ten")).toEqual(written);
    await clock.advance(5_000);
    await second.beat.stop();
    await clock.advance(1_000);
    // Now the first leads again, under a newer term, and must not write what it had kept from its older one.
    expect(first.eventsOf("beat-started")).toHaveLength(2);
    expect(await record.stateOf("ten")).toMatchObject({ lastDueAt: startAt + 50_000 });
    const runs = (await record.stateOf("ten"))?.runs;
    await clock.advance(9_000);
    expect(await record.stateOf("ten")).toMatchObject({ lastDueAt: startAt + 60_000, runs: (runs ?? 0) + 1 });
    expect(first.sent()).toEqual([10, 20, 30, 40, 50, 60]);
    await first.beat.stop();
  });

  it("says nothing of failures because of a stale term: that is told as the loss of the lease", async () => {
    const { clock, join } = await fleet();
    const life = new Life();
    const first = await join("a:1", life);
    const second = await join("b:2");
    await clock.advance(12_000);
    life.freeze();
    await clock.advance(11_000);
    life.thaw();
    await clock.advance(10_000);
    expect(first.eventsOf("beat-lost-lease")).toHaveLength(1);
    expect(first.steering.status()).toMatchObject({ leads: false, leader: "b:2" });
    await first.beat.stop();
    await second.beat.stop();
  });

  it("that cannot be reached at the start is waited for, and beat says so", async () => {
    const { clock, record, join } = await fleet();
    record.isDown = true;
    const on = await join("a:1");
    await clock.advance(7_000);
    expect(on.sent()).toEqual([]);
    expect(on.events.some((event) => JSON.stringify(event).includes("the record cannot be reached"))).toBe(true);
    record.isDown = false;
    await clock.advance(26_000);
    expect(on.eventsOf("beat-started")).toHaveLength(1);
    expect(on.sent().length).toBeGreaterThanOrEqual(1);
    await on.beat.stop();
  });

  it("that cannot be reached when a term begins does not let the schedule go on as if nothing were known", async () => {
    const { clock, record, join } = await fleet();
    const first = await join("a:1");
    const second = await join("b:2");
    await clock.advance(12_000);
    await first.steering.pause({ entries: ["ten"], by, reason: null });
    await first.beat.stop();
    record.isDown = true;
    await clock.advance(20_000);
    record.isDown = false;
    await clock.advance(20_000);
    expect(second.sent()).toEqual([10]);
    expect(second.steering.show("ten")).toMatchObject({ runs: 1, paused: { by } });
    await second.beat.stop();
  });

  it("knows of edits made under the first leader, so that they fire no more often under the second", async () => {
    const { clock, broker, record, join } = await fleet();
    const first = await join("a:1");
    await clock.advance(12_000);
    const edited = [entryOf({ seconds: 30 })];
    const second = await stage({ clock, broker, entries: edited, label: "b:2", store: record.open() });
    await first.beat.reload(edited);
    await clock.advance(1_000);
    await first.beat.stop();
    await clock.advance(28_999);
    expect(second.sent()).toEqual([10]);
    await clock.advance(1);
    expect(second.sent()).toEqual([10, 42]);
    await second.beat.stop();
  });
});

interface Member {
  readonly on: Stage;
  readonly life: Life;
}

const blows = fc.array(
  fc.tuple(
    fc.constantFrom("killed", "killed on the way", "frozen", "stopped", "without record", "left alone"),
    fc.integer({ min: 0, max: 25_000 }),
    fc.integer({ min: 0, max: 12 }),
  ),
  { maxLength: 6 },
);

describe("three beats on one record, of which the leader is struck again and again", () => {
  async function strike(what: string, { on, life }: Member, record: SharedRecord, ms: number): Promise<void> {
    const { clock } = on;
    if (what === "killed") life.kill();
    if (what === "frozen") life.freeze();
    record.isDown = what === "without record";
    const stopped = what === "stopped" ? on.beat.stop() : null;
    await clock.advance(ms);
    life.thaw();
    record.isDown = false;
    if (stopped === null) return;
    await clock.advance(1_000);
    if (!life.isOver) await stopped;
  }

  it("send each occurrence once and in order, and the record counts no more than were sent", async () => {
    await fc.assert(
      fc.asyncProperty(blows, async (happens) => {
        const { clock, record, join } = await fleet({ missed: "all" });
        let joined = 0;
        const recruit = async (): Promise<Member> => {
          const life = new Life();
          joined += 1;
          return { life, on: await join(`host:${joined}`, life) };
        };
        let members: readonly Member[] = [];
        const fillUp = async (): Promise<void> => {
          members = members.filter(({ life }) => !life.isOver);
          while (members.length < 3) members = [...members, await recruit()];
        };
        for (const [what, ms, steps] of happens) {
          await fillUp();
          await clock.advance(3_000);
          const leader = members.find(({ on }) => on.steering.status().leads);
          if (leader === undefined) continue;
          if (what === "killed on the way") leader.life.killIn(steps);
          await strike(what, leader, record, ms);
          if (what === "stopped") members = members.filter((member) => member !== leader);
        }
        await fillUp();
        await clock.advance(45_000);
        await fillUp();
        const elapsed = Math.floor((clock.now() - startAt) / 10_000);
        const { sent } = members[0]?.on ?? { sent: () => [] };
        expect(sent()).toEqual(Array.from({ length: elapsed }, (_, index) => (index + 1) * 10));
        expect(members.filter(({ on }) => on.steering.status().leads)).toHaveLength(1);
        const state = await record.stateOf("ten");
        expect(state).toMatchObject({ missed: 0, skipped: 0, failed: 0, lastDueAt: startAt + elapsed * 10_000 });
        expect(state?.runs).toBeLessThanOrEqual(elapsed);
        for (const { on } of members) void on.beat.stop();
        await clock.advance(1_000);
      }),
      { numRuns: 60 },
    );
  });
});
