// What every broker with an atomic step owes, run on each adapter: publish under guard, duplicates, terms, order, depth.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Broker, type Guard, type Mark, StaleTermError, UndeliverableError } from "../../src/broker/broker.ts";
import type { Lease, LeaseKeeper } from "../../src/broker/lease.ts";
import type { Binding } from "../../src/protocol/kombu.ts";
import { type EnvelopeWish, envelopeOf, idOf } from "../helper/envelope.ts";

export interface BrokerFixture {
  readonly broker: Broker;
  /** The ids of the messages waiting in a queue, in the order a worker would get them. */
  readonly waiting: (queue: string) => Promise<readonly string[]>;
  /** Binds a queue to an exchange, as a worker would. */
  readonly bind: (exchange: string, binding: Binding) => Promise<void>;
  readonly close: () => Promise<void>;
}

export function describeBroker(name: string, open: () => Promise<BrokerFixture>): void {
  describe(`${name} as a broker`, () => {
    let fixture: BrokerFixture;
    let lease: Lease;

    beforeEach(async () => {
      fixture = await open();
      lease = await lead("app");
    });
    afterEach(() => fixture.close());

    async function lead(scope: string, owner = "one"): Promise<Lease> {
      const acquired = await leasesOf(fixture.broker).acquire(scope, { id: owner, label: owner }, 60_000);
      if (!("lease" in acquired)) throw new Error(`${scope} is held by somebody: ${JSON.stringify(acquired)}`);
      return acquired.lease;
    }

    const guard = (marks: readonly (readonly [entry: string, dueAt: number])[], of: Lease = lease): Guard => ({
      scope: of.scope,
      term: of.term,
      marks: marks.map(([entry, dueAt]): Mark => ({ entry, dueAt })),
    });
    const publish = (names: readonly string[], under?: Guard, wish?: EnvelopeWish) =>
      fixture.broker.publish(
        names.map((name) => envelopeOf(name, wish)),
        under,
      );
    const marks = async (scope = "app") => Object.fromEntries(await leasesOf(fixture.broker).marks(scope));

    describe("without a guard", () => {
      it("sends every message, in order", async () => {
        expect(await publish(["a", "b", "c"])).toEqual(["sent", "sent", "sent"]);
        expect(await publish(["d"])).toEqual(["sent"]);
        expect(await fixture.waiting("celery")).toEqual(["a", "b", "c", "d"].map(idOf));
      });

      it("sends the same message again when asked to", async () => {
        await publish(["a"]);
        expect(await publish(["a"])).toEqual(["sent"]);
        expect(await fixture.waiting("celery")).toEqual([idOf("a"), idOf("a")]);
      });

      it("has nothing to say to an empty batch", async () => {
        expect(await publish([])).toEqual([]);
      });

      it("counts what waits in each queue, over all priorities", async () => {
        await publish(["a", "b"], undefined, { queue: "one" });
        await publish(["c"], undefined, { queue: "two" });
        await publish(["d"], undefined, { queue: "one", priority: 6 });
        expect(await fixture.broker.depth("one")).toBe(3);
        expect(await fixture.broker.depth("two")).toBe(1);
        expect(await fixture.broker.depth("three")).toBe(0);
      });

      it("serves a lower priority number first, as Celery does on Redis", async () => {
        const priorities = [9, 0, 3, 6, 0];
        await fixture.broker.publish(priorities.map((priority, index) => envelopeOf(`${index}`, { priority })));
        expect(await fixture.waiting("celery")).toEqual(["1", "4", "2", "3", "0"].map(idOf));
      });

      it("keeps a batch for several queues in order within each", async () => {
        const batch = Array.from({ length: 20 }, (_, index) => envelopeOf(`${index}`, { queue: `q${index % 3}` }));
        await fixture.broker.publish(batch);
        expect(await fixture.waiting("q1")).toEqual(["1", "4", "7", "10", "13", "16", "19"].map(idOf));
      });
    });

    describe("with a guard", () => {
      it("sends what is newer than its mark, and moves the mark", async () => {
        expect(
          await publish(
            ["a", "b"],
            guard([
              ["x", 1000],
              ["y", 2000],
            ]),
          ),
        ).toEqual(["sent", "sent"]);
        expect(await marks()).toEqual({ x: 1000, y: 2000 });
        expect(await fixture.waiting("celery")).toEqual(["a", "b"].map(idOf));
      });

      it("answers duplicate for what is not newer than its mark, and sends only the rest", async () => {
        await publish(
          ["a", "b"],
          guard([
            ["x", 1000],
            ["y", 2000],
          ]),
        );
        const outcomes = await publish(
          ["a", "c", "d"],
          guard([
            ["x", 1000],
            ["y", 1999],
            ["x", 1001],
          ]),
        );
        expect(outcomes).toEqual(["duplicate", "duplicate", "sent"]);
        expect(await fixture.waiting("celery")).toEqual(["a", "b", "d"].map(idOf));
        expect(await marks()).toEqual({ x: 1001, y: 2000 });
      });

      it("takes one entry several times in a batch, as long as its due times grow", async () => {
        const outcomes = await publish(
          ["a", "b", "c", "d"],
          guard([
            ["x", 1],
            ["x", 2],
            ["x", 2],
            ["x", 3],
          ]),
        );
        expect(outcomes).toEqual(["sent", "sent", "duplicate", "sent"]);
        expect(await fixture.waiting("celery")).toEqual(["a", "b", "d"].map(idOf));
        expect(await marks()).toEqual({ x: 3 });
      });

      it("judges one entry in the order of the batch when it goes to two queues", async () => {
        const batch = [
          envelopeOf("a", { queue: "one" }),
          envelopeOf("b", { queue: "two" }),
          envelopeOf("c", { queue: "one" }),
        ];
        expect(
          await fixture.broker.publish(
            batch,
            guard([
              ["x", 1],
              ["x", 2],
              ["x", 3],
            ]),
          ),
        ).toEqual(["sent", "sent", "sent"]);
        expect(await fixture.waiting("one")).toEqual(["a", "c"].map(idOf));
        expect(await fixture.waiting("two")).toEqual(["b"].map(idOf));
      });

      it("gives duplicates for all of a batch that is published again", async () => {
        const under = guard([
          ["x", 1000],
          ["y", 1000],
        ]);
        await publish(["a", "b"], under);
        expect(await publish(["a", "b"], under)).toEqual(["duplicate", "duplicate"]);
        expect(await fixture.broker.depth("celery")).toBe(2);
      });

      it("refuses the whole batch under a term that is over, and moves no mark", async () => {
        const stale = guard([["x", 1000]]);
        await leasesOf(fixture.broker).release(lease);
        await lead("app", "two");
        await expect(publish(["a"], stale)).rejects.toThrow(StaleTermError);
        await expect(publish(["a"], stale)).rejects.toMatchObject({ code: "stale-term" });
        expect(await fixture.broker.depth("celery")).toBe(0);
        expect(await marks()).toEqual({});
      });

      it("refuses a term for a scope that nobody ever led", async () => {
        await expect(publish(["a"], { scope: "other", term: 1, marks: [{ entry: "x", dueAt: 1 }] })).rejects.toThrow(
          StaleTermError,
        );
        expect(await fixture.broker.depth("celery")).toBe(0);
      });

      it("refuses what was not yet sent when its lease was released", async () => {
        await leasesOf(fixture.broker).release(lease);
        await expect(publish(["a"], guard([["x", 1]]))).rejects.toThrow(StaleTermError);
      });

      it("keeps the marks of scopes apart", async () => {
        const other = await lead("other");
        await publish(["a"], guard([["x", 1000]]));
        expect(await publish(["b"], guard([["x", 500]], other))).toEqual(["sent"]);
        expect(await marks("app")).toEqual({ x: 1000 });
        expect(await marks("other")).toEqual({ x: 500 });
      });

      it("tells entries with any name apart", async () => {
        const names = ["zażółć ☃", "每十秒", "with space:and:colons", "a\0b", "💡", '"quoted"', "__proto__", "1"];
        const under = guard(names.map((name, index) => [name, 1000 + index]));
        expect(new Set(await publish(names, under))).toEqual(new Set(["sent"]));
        expect(new Set(await publish(names, under))).toEqual(new Set(["duplicate"]));
        const kept = await leasesOf(fixture.broker).marks("app");
        expect(kept).toEqual(new Map(names.map((name, index) => [name, 1000 + index])));
      });

      it("keeps due times exactly, also with fractions of a millisecond", async () => {
        const dueAt = 1_795_255_200_000.25;
        await publish(["a"], guard([["x", dueAt]]));
        expect(await marks()).toEqual({ x: dueAt });
        expect(await publish(["a"], guard([["x", dueAt]]))).toEqual(["duplicate"]);
        expect(await publish(["b"], guard([["x", dueAt + 0.25]]))).toEqual(["sent"]);
      });

      it("refuses a guard that does not fit its batch", async () => {
        await expect(publish(["a", "b"], guard([["x", 1]]))).rejects.toThrow("1 marks for 2 messages");
        expect(await fixture.broker.depth("celery")).toBe(0);
      });

      it("sends 5,000 messages once, in order, whatever was already there", async () => {
        const names = Array.from({ length: 5000 }, (_, index) => `${index}`);
        const under = guard(names.map((name) => [`entry ${name}`, 1000]));
        const part = names.filter((_, index) => index % 7 === 3);
        await publish(part, guard(part.map((name) => [`entry ${name}`, 1000])));
        const outcomes = await publish(names, under);
        expect(outcomes).toEqual(names.map((_, index) => (index % 7 === 3 ? "duplicate" : "sent")));
        const rest = names.filter((_, index) => index % 7 !== 3);
        expect(await fixture.waiting("celery")).toEqual([...part, ...rest].map(idOf));
      });

      it("lets two batches on their way at the same time settle each occurrence once", async () => {
        const names = Array.from({ length: 1500 }, (_, index) => `${index}`);
        const under = guard(names.map((name) => [name, 1000]));
        const [left, right] = await Promise.all([publish(names, under), publish(names, under)]);
        const sent = [...left, ...right].filter((outcome) => outcome === "sent");
        expect(sent).toHaveLength(1500);
        expect(await fixture.broker.depth("celery")).toBe(1500);
      });
    });

    describe("with a guard that vouches for its messages being new", () => {
      const many = Array.from({ length: 1200 }, (_, index) => `${index}`);
      const fresh = (dueAt: number, names: readonly string[] = many, of: Lease = lease): Guard => ({
        ...guard(
          names.map((name) => [`entry ${name}`, dueAt]),
          of,
        ),
        isNew: true,
      });

      it("sends all of it in order, and moves the marks", async () => {
        expect(new Set(await publish(many, fresh(1000)))).toEqual(new Set(["sent"]));
        expect(await fixture.waiting("celery")).toEqual(many.map(idOf));
        expect(await marks()).toEqual(Object.fromEntries(many.map((name) => [`entry ${name}`, 1000])));
      });

      it("lets whoever publishes it again without vouching have duplicates", async () => {
        await publish(many, fresh(1000));
        const again = await publish(many, { ...fresh(1000), isNew: false });
        expect(new Set(again)).toEqual(new Set(["duplicate"]));
        expect(await fixture.broker.depth("celery")).toBe(many.length);
      });

      it("is followed by single messages and by other batches, each judged by the newest mark", async () => {
        await publish(many, fresh(1000));
        await publish(many, fresh(2000));
        expect(await publish(["a"], guard([["entry 5", 2000]]))).toEqual(["duplicate"]);
        expect(await publish(["b"], guard([["entry 5", 2001]]))).toEqual(["sent"]);
        expect(await publish(["c"], { ...guard([["entry 6", 3000]]), isNew: true })).toEqual(["sent"]);
        await publish(many, fresh(4000));
        expect((await marks())["entry 6"]).toBe(4000);
      });

      it("keeps the newest mark of an entry that comes several times", async () => {
        const under = { ...guard(many.map((_, index) => ["one", index + 1])), isNew: true };
        expect(new Set(await publish(many, under))).toEqual(new Set(["sent"]));
        expect(await marks()).toEqual({ one: many.length });
      });

      it("refuses all of it under a term that is over, and moves no mark", async () => {
        const stale = fresh(1000);
        await leasesOf(fixture.broker).release(lease);
        await lead("app", "two");
        await expect(publish(many, stale)).rejects.toThrow(StaleTermError);
        expect(await fixture.broker.depth("celery")).toBe(0);
        expect(await marks()).toEqual({});
      });

      it("leaves its marks to the next term", async () => {
        await publish(many, fresh(1000));
        await leasesOf(fixture.broker).release(lease);
        const next = await lead("app", "two");
        expect(new Set(await publish(many, { ...fresh(1000, many, next), isNew: false }))).toEqual(
          new Set(["duplicate"]),
        );
      });

      it("leaves marks that are set back or dropped afterwards as they were set", async () => {
        const leases = leasesOf(fixture.broker);
        await publish(many, fresh(5000));
        await leases.setMarks(lease, [{ entry: "entry 7", dueAt: 100 }]);
        await leases.dropMarks(lease, ["entry 8"]);
        await publish(["a"], guard([["entry 9", 6000]]));
        expect(await marks()).toMatchObject({ "entry 7": 100, "entry 9": 6000 });
        expect(await marks()).not.toHaveProperty("entry 8");
      });

      it("keeps batches for several queues in order within each", async () => {
        const batch = many.map((name, index) =>
          envelopeOf(name, { queue: `q${index % 3}`, priority: index % 2 === 0 ? 0 : 6 }),
        );
        await fixture.broker.publish(batch, fresh(1000));
        expect(await fixture.broker.depth("q0")).toBe(400);
        const ofOne = many.filter((_, index) => index % 3 === 1);
        const [odd, even] = [1, 0].map((rest) => ofOne.filter((name) => Number(name) % 2 === rest));
        expect(await fixture.waiting("q1")).toEqual([...(even ?? []), ...(odd ?? [])].map(idOf));
      });

      it("keeps names of any kind and due times with fractions", async () => {
        const odd = ["zażółć ☃", "a\0b", "💡", '"quoted"', "__proto__", "back\\slash", "line\nbreak", "\u2028"];
        const under = guard([
          ...odd.map((name) => [name, 1_795_255_200_000.25] as const),
          ...fresh(7).marks.map(({ entry, dueAt }) => [entry, dueAt] as const),
        ]);
        await publish([...odd, ...many], { ...under, isNew: true });
        const kept = await leasesOf(fixture.broker).marks("app");
        expect(odd.map((name) => kept.get(name))).toEqual(odd.map(() => 1_795_255_200_000.25));
        expect(await publish(odd, { ...guard(odd.map((name) => [name, 1_795_255_200_000.25])) })).toEqual(
          odd.map(() => "duplicate"),
        );
      });

      it("sends what was prepared, as it was prepared and otherwise", async () => {
        const batch = many.map((name) => envelopeOf(name));
        const under = fresh(1000);
        fixture.broker.prepare?.(batch, under.marks);
        await fixture.broker.publish(batch, under);
        expect(await fixture.waiting("celery")).toEqual(many.map(idOf));
        const others = many.map((name) => envelopeOf(`other ${name}`));
        fixture.broker.prepare?.(others, fresh(2000).marks);
        const [part, rest] = [others.slice(3, 700), others.slice(700)];
        await fixture.broker.publish(part, fresh(3000, many.slice(3, 700)));
        await fixture.broker.publish(rest, fresh(2000, many.slice(700)));
        expect(await fixture.waiting("celery")).toEqual(
          [...many, ...many.slice(3).map((name) => `other ${name}`)].map(idOf),
        );
        expect(await marks()).toMatchObject({ "entry 0": 1000, "entry 3": 3000, "entry 699": 3000, "entry 700": 2000 });
      });

      it("takes two batches at the same time, each whole", async () => {
        const [left, right] = [many.slice(0, 600), many.slice(600)];
        await Promise.all([publish(left, fresh(1000, left)), publish(right, fresh(1000, right))]);
        expect(new Set(await fixture.waiting("celery"))).toEqual(new Set(many.map(idOf)));
        expect(Object.keys(await marks())).toHaveLength(1200);
      });
    });

    describe("with named exchanges", () => {
      const via = (exchange: string, exchangeType: "direct" | "topic", routingKey: string, queue?: string) => ({
        destination: { exchange, exchangeType, routingKey, ...(queue === undefined ? {} : { queue }) },
      });

      it("delivers through a direct exchange to the queues with an equal routing key", async () => {
        await fixture.bind("ex", { routingKey: "rk", pattern: "", queue: "q1" });
        await fixture.bind("ex", { routingKey: "rk", pattern: "", queue: "q2" });
        await fixture.bind("ex", { routingKey: "other", pattern: "", queue: "q3" });
        await publish(["a"], guard([["x", 1]]), via("ex", "direct", "rk"));
        expect(await fixture.waiting("q1")).toEqual([idOf("a")]);
        expect(await fixture.waiting("q2")).toEqual([idOf("a")]);
        expect(await fixture.broker.depth("q3")).toBe(0);
      });

      it("delivers through a topic exchange by pattern", async () => {
        await fixture.bind("news", { routingKey: "eu.*", pattern: String.raw`^eu\..*?[^\.]$`, queue: "eu" });
        await fixture.bind("news", { routingKey: "us.*", pattern: String.raw`^us\..*?[^\.]$`, queue: "us" });
        await publish(["a"], undefined, via("news", "topic", "eu.sport"));
        expect(await fixture.waiting("eu")).toEqual([idOf("a")]);
        expect(await fixture.broker.depth("us")).toBe(0);
      });

      it("says so when no queue is bound, sends nothing and moves no mark", async () => {
        const batch = [envelopeOf("a"), envelopeOf("b", via("ex", "direct", "rk"))];
        const attempt = fixture.broker.publish(
          batch,
          guard([
            ["x", 1],
            ["y", 1],
          ]),
        );
        await expect(attempt).rejects.toThrow('exchange ex has no queue bound for routing key "rk"');
        await expect(attempt).rejects.toThrow(UndeliverableError);
        await expect(attempt).rejects.toMatchObject({ code: "broker", ids: [idOf("b")] });
        expect(await fixture.broker.depth("celery")).toBe(0);
        expect(await marks()).toEqual({});
      });

      it("binds the queue that the destination names", async () => {
        await publish(["a"], undefined, via("ex", "direct", "rk", "q1"));
        await publish(["b"], undefined, via("ex", "direct", "rk"));
        expect(await fixture.waiting("q1")).toEqual(["a", "b"].map(idOf));
      });
    });

    it("refuses to publish when it is closed, and closes twice without harm", async () => {
      await fixture.broker.close();
      await fixture.broker.close();
      await expect(publish(["a"])).rejects.toThrow("closed");
    });
  });
}

export function leasesOf(broker: Broker): LeaseKeeper {
  if (broker.leases === undefined) throw new Error("this broker has no leases");
  return broker.leases;
}
