// What a second reading of beat found: moments in which two things happen at once, and records, clocks and terms that go wrong.
import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/beat/ledger.ts";
import { Plan } from "../../src/beat/plan.ts";
import { StaleTermError } from "../../src/broker/broker.ts";
import type { LeaseKeeper } from "../../src/broker/lease.ts";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { every } from "../../src/schedule/interval.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Changes } from "../../src/store/store.ts";
import { entryOf, stage, startAt } from "../helper/beat-stage.ts";
import { depose, onLooseCable } from "../helper/loose-cable.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const by = "alice@desk";

/** A record whose writes never end once it hangs. */
class HangingStore extends MemoryStore {
  isHanging = false;

  override async record(changes: Changes): Promise<void> {
    if (this.isHanging) return new Promise(() => undefined);
    return super.record(changes);
  }
}

async function onHangingRecord() {
  const clock = new ManualClock(startAt);
  const store = new HangingStore({ clock });
  const on = await stage({ clock, store });
  await clock.advance(15_000);
  store.isHanging = true;
  return { on, clock };
}

describe("a record that does not answer", () => {
  it("delays nothing that is due", async () => {
    const { on, clock } = await onHangingRecord();
    await clock.advance(100_000);
    const sent = on.eventsOf("occurrence-sent");
    expect(sent.map(({ dueAt }) => (dueAt - startAt) / 1000)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]);
    expect(sent.every(({ sentAt, dueAt }) => sentAt === dueAt)).toBe(true);
    expect(on.steering.status()).toMatchObject({ unsent: 0, lateMs: 0 });
    void on.beat.stop();
    await clock.advance(1_000);
  });

  it("lets a pause and an edit be answered in a few seconds all the same, and they hold", async () => {
    const { on, clock } = await onHangingRecord();
    let answers = 0;
    const count = (): void => void (answers += 1);
    void on.steering.pause({ entries: ["ten"], by, reason: null }).then(count);
    void on.beat.reload([entryOf(), entryOf({ name: "other" })]).then(count);
    await clock.advance(4_000);
    expect(answers).toBe(2);
    await clock.advance(11_000);
    expect([on.sent("ten"), on.sent("other")]).toEqual([[10], [25]]);
    void on.beat.stop();
    await clock.advance(1_000);
  });

  it("does not keep beat from stopping within a second", async () => {
    const { on, clock } = await onHangingRecord();
    await clock.advance(20_000);
    let isStopped = false;
    void on.beat.stop().then(() => (isStopped = true));
    await clock.advance(1_000);
    expect(isStopped).toBe(true);
  });
});

describe("the end of a term", () => {
  it("loses nothing that was taken out of a batch: paused meanwhile, it is given up once, when it is resumed", async () => {
    const clock = new ManualClock(startAt);
    const { broker, cable } = onLooseCable(clock);
    const entries = [entryOf({ name: "a" }), entryOf({ name: "b" })];
    const on = await stage({ clock, broker, entries });
    const other = await stage({ clock, broker, entries, label: "other:2" });
    cable.isCut = true;
    await clock.advance(11_000);
    await on.steering.pause({ entries: ["b"], by, reason: null });
    await clock.advance(1_000);
    await depose(on);
    await clock.advance(600);
    cable.isCut = false;
    await clock.advance(4_000);
    expect(other.sent("a")).toEqual([10]);
    await other.beat.stop();
    await clock.advance(10_000);
    const [report] = await on.steering.resume({ entries: ["b"], by, catchUp: false });
    expect(report).toMatchObject({ given: 2, skipped: 2, runs: 0 });
    await clock.advance(10_000);
    expect([on.sent("a"), on.sent("b")]).toEqual([[10, 20, 30], [30]]);
    expect((await broker.leases.marks("test")).get("b")).toBe(startAt + 30_000);
    await on.beat.stop();
  });
});

describe("a clock that was absurdly far ahead when the record was written", () => {
  it("does not cost the term at each return of the broker", async () => {
    const clock = new ManualClock(startAt);
    const store = new MemoryStore({ clock });
    const far = startAt + 10 * 86_400_000;
    const { name, scheduleHash } = entryOf();
    const times = { anchorAt: startAt, settledAt: far, lastDueAt: far, lastSentAt: far };
    const counts = { lastTaskId: "some-id", runs: 1, missed: 0, skipped: 0, failed: 0, paused: null };
    await store.record({ states: [{ name, scheduleHash, ...times, ...counts }] });
    const on = await stage({ clock, store });
    const { term } = on.steering.status();
    for (let round = 0; round < 3; round += 1) {
      await on.beat.recheck();
      await clock.advance(1_000);
    }
    expect(on.steering.status()).toMatchObject({ leads: true, term });
    expect(on.eventsOf("beat-lost-lease")).toEqual([]);
    await clock.advance(17_000);
    expect(on.sent()).toEqual([10, 20]);
    await on.beat.stop();
  });
});

describe("an edit while a run waits for the broker", () => {
  it.each([
    ["its interval", { seconds: 20 }],
    ["its arguments", { args: ["new"] }],
  ])("of %s keeps counting that run for max_runs", async (_what, change) => {
    const clock = new ManualClock(startAt);
    const { broker, cable } = onLooseCable(clock);
    const on = await stage({ clock, broker, entries: [entryOf({ maxRuns: 2 })] });
    cable.isCut = true;
    await clock.advance(11_000);
    await on.beat.reload([entryOf({ maxRuns: 2, ...change })]);
    await clock.advance(60_000);
    cable.isCut = false;
    await clock.advance(60_000);
    expect(on.sent()).toHaveLength(2);
    expect(on.steering.show("ten")).toMatchObject({ runs: 2, nextAt: null });
    await on.beat.stop();
  });
});

/** A ledger on leases of which only notes are told; `tell` is what the broker does with them. */
function ledgerWith(tell: LeaseKeeper["setNotes"]): Ledger {
  const clock = new ManualClock(startAt);
  const inner = new MemoryBroker({ clock });
  const broker = new Proxy(inner, {
    get: (target, key) => (key === "leases" ? { setNotes: tell } : Reflect.get(target, key, target)),
  });
  const plan = new Plan(() => undefined);
  plan.apply([entryOf({ schedule: every(10) })], startAt);
  const tools = { broker, plan, clock, emit: () => undefined, pendingEntries: () => new Set<string>() };
  return new Ledger({ ...tools, store: new MemoryStore({ clock }) });
}

function leaseOf(term: number) {
  return { scope: "test", owner: { id: "a", label: "host:1" }, term };
}

async function microtasks(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await Promise.resolve();
}

describe("a note", () => {
  it("told in any moment around the end of a flush is with the broker once that is answered", async () => {
    for (let moment = 0; moment < 20; moment += 1) {
      const told: string[] = [];
      const later: Promise<void>[] = [];
      const ledger = ledgerWith(async (_lease, notes) => {
        told.push(...notes.keys());
        if (later.length === 0) later.push(microtasks(moment).then(() => ledger.note(new Map([["b", "x"]]))));
      });
      ledger.lease = leaseOf(1);
      await ledger.note(new Map([["a", "x"]]));
      await Promise.all(later);
      expect([moment, told, [...ledger.waitingNotes.keys()]]).toEqual([moment, ["a", "b"], []]);
    }
  });

  it("of a new term is not refused because a flush of the term before ends as stale", async () => {
    const told: number[] = [];
    let refuse: (error: Error) => void = () => undefined;
    const ledger = ledgerWith(async ({ term }) => {
      if (term === 1) await new Promise((_resolve, reject) => (refuse = reject));
      told.push(term);
    });
    ledger.lease = leaseOf(1);
    const before = ledger.note(new Map([["a", "old"]])).catch((error: unknown) => error);
    await microtasks(20);
    ledger.lease = leaseOf(2);
    const now = ledger.note(new Map([["a", "new"]]));
    refuse(new StaleTermError("test", 1));
    await before;
    await expect(now).resolves.toBeUndefined();
    await ledger.flush();
    expect([told, [...ledger.waitingNotes.keys()]]).toEqual([[2], []]);
  });

  it("of a term that is over is refused, and one of the next is not", async () => {
    const ledger = ledgerWith(async ({ scope, term }) => {
      if (term === 1) throw new StaleTermError(scope, term);
    });
    ledger.lease = leaseOf(1);
    await expect(ledger.note(new Map([["a", "x"]]))).rejects.toMatchObject({ code: "stale-term" });
    ledger.lease = leaseOf(2);
    await expect(ledger.note(new Map([["b", "x"]]))).resolves.toBeUndefined();
    expect(ledger.waitingNotes.size).toBe(0);
  });
});
