// What every broker owes to those who consume and listen, run on each adapter: order, turns, prefetch, settling, giving back.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Broker, UndeliverableError } from "../../src/broker/broker.ts";
import {
  type BoundQueue,
  type Consumer,
  type Delivery,
  type Listener,
  rejectedQueue,
  type Unreadable,
} from "../../src/broker/consumer.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { type EnvelopeWish, envelopeOf } from "../helper/envelope.ts";
import { waitUntil } from "../helper/wait.ts";

export interface ConsumeFixture {
  readonly broker: Broker;
  /** One more connection to the same place. The fixture's `close` closes it. */
  readonly again: () => Promise<Broker>;
  /** Puts something into a queue that is no message. Left out where that cannot happen. */
  readonly putUnreadable?: (queue: string) => Promise<void>;
  /** Has all that is in hand taken away from its consumers, as if they were dead, and put back into its queues. */
  readonly takeAway?: () => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Taker {
  readonly consumer: Consumer;
  /** In the order they came, the settled ones too. */
  readonly deliveries: readonly Delivery[];
  readonly unreadable: readonly Unreadable[];
  readonly names: () => readonly string[];
  readonly named: (name: string) => Delivery;
  /** Waits for so many deliveries, counted from the first. */
  readonly took: (count: number) => Promise<readonly Delivery[]>;
}

interface TakerOptions {
  readonly through?: Broker;
  readonly prefetch?: number;
  readonly onDelivery?: (delivery: Delivery) => void;
}

const fanout = (exchange: string, routingKey: string): EnvelopeWish => ({
  destination: { exchange, exchangeType: "fanout", routingKey },
});
const plain = (name: string): BoundQueue => ({ name, exchange: "", exchangeType: "direct", routingKey: name });
const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `${index}`);
const nameOf = ({ body }: Envelope): string => (JSON.parse(String(body)) as [[string]])[0][0];

export function describeConsuming(name: string, open: () => Promise<ConsumeFixture>): void {
  describe(`${name} as a broker to consume from`, () => {
    let fixture: ConsumeFixture;
    let ending: (Consumer | Listener)[];

    beforeEach(async () => {
      ending = [];
      fixture = await open();
    });
    afterEach(async () => {
      await Promise.all(ending.map((one) => one.close()));
      await fixture.close();
    });

    const publish = (names: readonly string[], wish?: EnvelopeWish, through = fixture.broker) =>
      through.publish(names.map((name) => envelopeOf(name, wish)));
    const depth = (queue = "celery") => fixture.broker.depth(queue);

    async function take(queues: readonly (string | BoundQueue)[], options: TakerOptions = {}): Promise<Taker> {
      const deliveries: Delivery[] = [];
      const unreadable: Unreadable[] = [];
      const bound = queues.map((queue) => (typeof queue === "string" ? plain(queue) : queue));
      const consumer = await (options.through ?? fixture.broker).consume(bound, {
        label: "test@here",
        prefetch: options.prefetch ?? 1,
        onDelivery: (delivery) => {
          deliveries.push(delivery);
          options.onDelivery?.(delivery);
        },
        onUnreadable: (one) => unreadable.push(one),
      });
      ending.push(consumer);
      const names = (): readonly string[] => deliveries.map(({ envelope }) => nameOf(envelope));
      const named = (wanted: string): Delivery => {
        const found = deliveries.find(({ envelope }) => nameOf(envelope) === wanted);
        if (found === undefined) throw new Error(`${wanted} was not delivered`);
        return found;
      };
      const took = async (count: number): Promise<readonly Delivery[]> => {
        await waitUntil(() => deliveries.length >= count, {
          what: `${count} deliveries`,
          detail: () => `there were ${deliveries.length}: ${names().slice(0, 50).join(" ")}`,
          everyMs: 2,
        });
        return deliveries.slice(0, count);
      };
      return { consumer, deliveries, unreadable, names, named, took };
    }

    /** Takes all that waits and acknowledges it; whatever comes later as well. */
    const drain = (queues: readonly (string | BoundQueue)[] = ["celery"], through = fixture.broker): Promise<Taker> =>
      take(queues, { through, prefetch: 0, onDelivery: (delivery) => void delivery.ack().catch(() => false) });

    async function hear(exchange: string, through = fixture.broker) {
      const heard: Envelope[] = [];
      const listener = await through.listen(exchange, (envelope) => heard.push(envelope));
      ending.push(listener);
      return { listener, names: (): readonly string[] => heard.map(nameOf), heard };
    }

    describe("hands out", () => {
      it("the oldest first, with what was published in it", async () => {
        const sent = envelopeOf("a", { args: ["a", { deep: [1, "zażółć ☃"] }] });
        await fixture.broker.publish([sent, envelopeOf("b")]);
        const taker = await take(["celery"], { prefetch: 2 });
        const [first, second] = await taker.took(2);
        expect(taker.names()).toEqual(["a", "b"]);
        expect(first).toMatchObject({ queue: "celery", redelivered: false });
        expect(first?.envelope).toMatchObject({ id: sent.id, task: sent.task, body: sent.body });
        expect(first?.envelope.headers).toEqual(sent.headers);
        expect(second?.redelivered).toBe(false);
      });

      it("a lower priority number first, whatever its age", async () => {
        const priorities = [9, 0, 3, 6, 0];
        await fixture.broker.publish(priorities.map((priority, index) => envelopeOf(`${index}`, { priority })));
        const taker = await take(["celery"], { prefetch: 0 });
        await taker.took(5);
        expect(taker.names()).toEqual(["1", "4", "2", "3", "0"]);
      });

      it("in the same order one at a time", async () => {
        const priorities = [9, 0, 3, 6, 0];
        await fixture.broker.publish(priorities.map((priority, index) => envelopeOf(`${index}`, { priority })));
        const taker = await take(["celery"], { prefetch: 1, onDelivery: (delivery) => void delivery.ack() });
        await taker.took(5);
        expect(taker.names()).toEqual(["1", "4", "2", "3", "0"]);
      });

      it("what comes while it waits, from this and from another connection", async () => {
        const taker = await take(["celery"], { prefetch: 10 });
        await publish(["a"]);
        await taker.took(1);
        await publish(["b"], undefined, await fixture.again());
        await taker.took(2);
        expect(taker.names()).toEqual(["a", "b"]);
      });

      it("5,000 messages in order", async () => {
        await publish(numbered(5000));
        const taker = await drain();
        await taker.took(5000);
        expect(taker.names()).toEqual(numbered(5000));
      });

      it("no message twice to consumers of several connections", async () => {
        const other = await fixture.again();
        const takers = [await drain(), await drain(["celery"], other), await drain()];
        for (let round = 0; round < 10; round += 1) {
          await publish(
            numbered(50).map((name) => `${round}-${name}`),
            undefined,
            round % 2 === 0 ? other : undefined,
          );
        }
        const all = (): readonly string[] => takers.flatMap((taker) => taker.names());
        await waitUntil(() => all().length >= 500, { what: "all messages" });
        await Promise.all(takers.map(({ consumer }) => consumer.close()));
        expect(new Set(all()).size).toBe(500);
        expect(all()).toHaveLength(500);
        expect(await depth()).toBe(0);
      });
    });

    describe("of several queues", () => {
      it("serves each in its turn, however much waits in the others", async () => {
        await publish(numbered(200), { queue: "long" });
        await publish(["a", "b", "c", "d", "e"], { queue: "short" });
        await publish(["f", "g", "h", "i", "j"], { queue: "third" });
        const taker = await take(["long", "short", "third"], { onDelivery: (delivery) => void delivery.ack() });
        const first = (await taker.took(30)).map(({ queue }) => queue);
        expect(first.filter((queue) => queue === "short")).toHaveLength(5);
        expect(first.filter((queue) => queue === "third")).toHaveLength(5);
      });

      it("shares out a prefetch among them", async () => {
        await publish(numbered(50), { queue: "long" });
        await publish(numbered(50), { queue: "other" });
        const taker = await take(["long", "other"], { prefetch: 10 });
        const queues = (await taker.took(10)).map(({ queue }) => queue);
        expect(queues.filter((queue) => queue === "long").length).toBeGreaterThanOrEqual(3);
        expect(queues.filter((queue) => queue === "other").length).toBeGreaterThanOrEqual(3);
      });

      it("keeps the order within each", async () => {
        const batch = numbered(60).map((name) => envelopeOf(name, { queue: `q${Number(name) % 3}` }));
        await fixture.broker.publish(batch);
        const taker = await drain(["q0", "q1", "q2"]);
        const deliveries = await taker.took(60);
        for (const queue of ["q0", "q1", "q2"]) {
          const numbers = deliveries.filter((one) => one.queue === queue).map((one) => Number(nameOf(one.envelope)));
          expect(numbers).toHaveLength(20);
          expect(numbers).toEqual(numbers.toSorted((left, right) => left - right));
        }
      });

      it("takes one more, and says which it has", async () => {
        const taker = await take(["one"], { prefetch: 0 });
        await publish(["a"], { queue: "two" });
        await taker.consumer.addQueue(plain("two"));
        await taker.took(1);
        await publish(["b"], { queue: "two" });
        await publish(["c"], { queue: "one" });
        await taker.took(3);
        expect(taker.consumer.queues.map((queue) => queue.name)).toEqual(["one", "two"]);
        await taker.consumer.addQueue(plain("two"));
        expect(taker.consumer.queues).toHaveLength(2);
      });

      it("starts without any", async () => {
        const taker = await take([]);
        await publish(["a"]);
        await taker.consumer.addQueue(plain("celery"));
        await taker.took(1);
        expect(taker.names()).toEqual(["a"]);
      });

      it("leaves one alone, but for what is in hand", async () => {
        await publish(["a", "b"], { queue: "one" });
        const taker = await take(["one", "two"], { prefetch: 1 });
        const [held] = await taker.took(1);
        expect(await taker.consumer.cancelQueue("one")).toBe(true);
        expect(await taker.consumer.cancelQueue("one")).toBe(false);
        expect(await taker.consumer.cancelQueue("never")).toBe(false);
        expect(taker.consumer.queues.map((queue) => queue.name)).toEqual(["two"]);
        expect(await held?.ack()).toBe(true);
        await publish(["c"], { queue: "two" });
        await taker.took(2);
        expect(taker.names()).toEqual(["a", "c"]);
        expect(await depth("one")).toBe(1);
      });
    });

    describe("with a prefetch", () => {
      it("has never more in hand, and leaves the rest to others", async () => {
        await publish(numbered(50));
        const taker = await take(["celery"], { prefetch: 5 });
        await taker.took(5);
        const other = await drain(["celery"], await fixture.again());
        await other.took(45);
        expect(taker.names()).toEqual(["0", "1", "2", "3", "4"]);
      });

      it("takes the next for each that is settled", async () => {
        await publish(numbered(100));
        let inHand = 0;
        let most = 0;
        const onDelivery = (delivery: Delivery): void => {
          inHand += 1;
          most = Math.max(most, inHand);
          setImmediate(() => {
            inHand -= 1;
            void delivery.ack();
          });
        };
        const taker = await take(["celery"], { prefetch: 4, onDelivery });
        await taker.took(100);
        expect(taker.names()).toEqual(numbered(100));
        expect(most).toBeLessThanOrEqual(4);
        expect(most).toBeGreaterThan(1);
      });

      it("takes more when it is raised", async () => {
        await publish(numbered(20));
        const taker = await take(["celery"], { prefetch: 2 });
        await taker.took(2);
        taker.consumer.setPrefetch(6);
        await taker.took(6);
        const other = await drain(["celery"], await fixture.again());
        await other.took(14);
        expect(taker.deliveries).toHaveLength(6);
      });

      it("takes no more until it is below one that was lowered", async () => {
        await publish(numbered(6));
        const taker = await take(["celery"], { prefetch: 4 });
        await taker.took(4);
        taker.consumer.setPrefetch(2);
        await Promise.all(["0", "1"].map((name) => taker.named(name).ack()));
        const other = await take(["celery"], { through: await fixture.again(), prefetch: 1 });
        await other.took(1);
        expect(other.names()).toEqual(["4"]);
        expect(taker.deliveries).toHaveLength(4);
        await taker.named("2").ack();
        await taker.took(5);
        expect(taker.names()).toEqual(["0", "1", "2", "3", "5"]);
      });

      it("takes all there is when it becomes 0", async () => {
        await publish(numbered(300));
        const taker = await take(["celery"], { prefetch: 1 });
        await taker.took(1);
        taker.consumer.setPrefetch(0);
        await taker.took(300);
        expect(taker.names()).toEqual(numbered(300));
      });
    });

    describe("settles", () => {
      it("for good with ack", async () => {
        await publish(["a", "b"]);
        const taker = await take(["celery"], { prefetch: 2 });
        const [first] = await taker.took(2);
        expect(await first?.ack()).toBe(true);
        await taker.consumer.close();
        const next = await take(["celery"], { prefetch: 2 });
        await next.took(1);
        expect(next.names()).toEqual(["b"]);
        expect(await depth()).toBe(0);
      });

      it("1,000 at once", async () => {
        await publish(numbered(1000));
        const taker = await take(["celery"], { prefetch: 0 });
        const deliveries = await taker.took(1000);
        const answers = await Promise.all(deliveries.map((delivery) => delivery.ack()));
        expect(new Set(answers)).toEqual(new Set([true]));
        await taker.consumer.close();
        expect(await depth()).toBe(0);
      });

      it("with reject(true) as the next one out, marked as redelivered", async () => {
        await publish(["a", "b", "c"]);
        const taker = await take(["celery"], { prefetch: 1 });
        const [first] = await taker.took(1);
        expect(await first?.reject(true)).toBe(true);
        const [, second] = await taker.took(2);
        expect(second).toMatchObject({ queue: "celery", redelivered: true });
        await second?.ack();
        const third = (await taker.took(3))[2];
        expect(taker.names()).toEqual(["a", "a", "b"]);
        expect(third?.redelivered).toBe(false);
      });

      it("with reject(true) within its priority", async () => {
        await publish(["low"], { priority: 6 });
        await publish(["later"], { priority: 6 });
        const taker = await take(["celery"], { prefetch: 1 });
        const [low] = await taker.took(1);
        await publish(["urgent"], { priority: 0 });
        await low?.reject(true);
        await (await taker.took(2))[1]?.ack();
        await taker.took(3);
        expect(taker.names()).toEqual(["low", "urgent", "low"]);
      });

      it("with reject(false) by setting it aside, from where it can be had again", async () => {
        await publish(["a"], { args: ["a", 1] });
        const taker = await take(["celery"], { prefetch: 1 });
        const [first] = await taker.took(1);
        expect(await first?.reject(false)).toBe(true);
        expect(await depth()).toBe(0);
        expect(await depth(rejectedQueue("celery"))).toBe(1);
        const second = await take([rejectedQueue("celery")], { prefetch: 1 });
        const [again] = await second.took(1);
        expect(again?.queue).toBe(rejectedQueue("celery"));
        expect(again?.envelope.body).toBe(first?.envelope.body);
        expect(await again?.ack()).toBe(true);
      });

      it("by the first word only", async () => {
        await publish(["a", "b", "c"]);
        const taker = await take(["celery"], { prefetch: 3 });
        await taker.took(3);
        await taker.named("a").ack();
        await taker.named("a").reject(true);
        await taker.named("b").reject(false);
        await taker.named("b").reject(true);
        await Promise.all([taker.named("c").ack(), taker.named("c").reject(true), taker.named("c").reject(false)]);
        await taker.consumer.close();
        expect(await depth()).toBe(0);
        expect(await depth(rejectedQueue("celery"))).toBe(1);
      });

      it("nothing of what was taken away, and says so", async () => {
        if (fixture.takeAway === undefined) return;
        await publish(["a", "b"]);
        const taker = await take(["celery"], { prefetch: 2 });
        const [first, second] = await taker.took(2);
        await taker.consumer.pause();
        await fixture.takeAway();
        const other = await take(["celery"], { through: await fixture.again(), prefetch: 2 });
        const [mine] = await other.took(2);
        expect(other.names()).toEqual(["a", "b"]);
        expect(mine?.redelivered).toBe(true);
        expect(await first?.ack()).toBe(false);
        expect(await second?.reject(true)).toBe(false);
        expect(await mine?.ack()).toBe(true);
        await taker.consumer.close();
        await other.consumer.close();
        expect(await depth()).toBe(1);
      });
    });

    describe("at the end", () => {
      it("takes no more once it is paused, and still settles", async () => {
        await publish(["a"]);
        const taker = await take(["celery"], { prefetch: 0 });
        const [held] = await taker.took(1);
        await taker.consumer.pause();
        await taker.consumer.pause();
        await publish(numbered(50));
        const other = await drain(["celery"], await fixture.again());
        await other.took(50);
        expect(taker.names()).toEqual(["a"]);
        expect(await held?.ack()).toBe(true);
        await taker.consumer.close();
        expect(await depth()).toBe(0);
      });

      it("gives back what is in hand, in order and ahead of the rest, marked as redelivered", async () => {
        await publish(["low", "low 2"], { priority: 9 });
        await publish(["a", "b", "c", "d", "e", "f"]);
        const taker = await take(["celery"], { prefetch: 4 });
        await taker.took(4);
        await taker.named("b").ack();
        await taker.took(5);
        await taker.consumer.close();
        await taker.consumer.close();
        expect(await depth()).toBe(7);
        const next = await take(["celery"], { prefetch: 0 });
        const deliveries = await next.took(7);
        expect(next.names()).toEqual(["a", "c", "d", "e", "f", "low", "low 2"]);
        const redelivered = deliveries.map((delivery) => delivery.redelivered);
        expect(redelivered).toEqual([true, true, true, true, false, false, false]);
      });

      it("does what it was asked to settle before it ends", async () => {
        await publish(numbered(100));
        const taker = await take(["celery"], { prefetch: 0 });
        const deliveries = await taker.took(100);
        const acks = deliveries.slice(0, 99).map((delivery) => delivery.ack());
        await taker.consumer.close();
        expect(new Set(await Promise.all(acks))).toEqual(new Set([true]));
        expect(await depth()).toBe(1);
      });

      it("lets nobody settle what it gave back", async () => {
        await publish(["a"]);
        const taker = await take(["celery"]);
        const [held] = await taker.took(1);
        await taker.consumer.close();
        expect(await held?.ack().catch(() => false)).toBe(false);
        expect(await depth()).toBe(1);
      });

      it("starts no consumer on a broker that is closed", async () => {
        const other = await fixture.again();
        await other.close();
        await expect(take(["celery"], { through: other })).rejects.toThrow("closed");
        await expect(hear("celeryev", other)).rejects.toThrow("closed");
      });
    });

    describe("declares what it consumes", () => {
      const via = (exchangeType: "direct" | "topic", exchange: string, routingKey: string): EnvelopeWish => ({
        destination: { exchange, exchangeType, routingKey },
      });

      it("so that a named direct exchange leads to it", async () => {
        const queue = { name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" } as const;
        const taker = await take([queue]);
        await publish(["a"], via("direct", "celery", "celery"), await fixture.again());
        await taker.took(1);
        expect(taker.deliveries[0]?.queue).toBe("celery");
        await expect(publish(["b"], via("direct", "celery", "other"))).rejects.toThrow(UndeliverableError);
      });

      it("so that a topic exchange leads to it", async () => {
        const taker = await take([], { prefetch: 0 });
        await taker.consumer.addQueue({ name: "eu", exchange: "news", exchangeType: "topic", routingKey: "eu.*" });
        await publish(["a"], via("topic", "news", "eu.sport"));
        await taker.took(1);
        await expect(publish(["b"], via("topic", "news", "us.sport"))).rejects.toThrow(UndeliverableError);
      });

      it("and lets a temporary queue go with its consumer", async () => {
        const inbox = { name: "inbox-1", exchange: "reply", exchangeType: "direct", routingKey: "inbox-1" } as const;
        const other = await fixture.again();
        const taker = await take([{ ...inbox, temporary: true }, "celery"], { through: other, prefetch: 1 });
        await publish(["a", "b"], via("direct", "reply", "inbox-1"));
        await taker.took(1);
        await taker.consumer.close();
        expect(await depth("inbox-1")).toBe(0);
        await expect(publish(["c"], via("direct", "reply", "inbox-1"))).rejects.toThrow(UndeliverableError);
      });

      it("and keeps other queues and their bindings", async () => {
        const queue = { name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" } as const;
        await (await take([queue])).consumer.close();
        await publish(["a"], via("direct", "celery", "celery"));
        expect(await depth()).toBe(1);
      });
    });

    describe("puts aside", () => {
      it("what cannot be read, and goes on with the rest", async () => {
        if (fixture.putUnreadable === undefined) return;
        await publish(["a"]);
        await fixture.putUnreadable("celery");
        await publish(["b"]);
        await fixture.putUnreadable("celery");
        const taker = await take(["celery"], { prefetch: 2 });
        await taker.took(2);
        expect(taker.names()).toEqual(["a", "b"]);
        await Promise.all(taker.deliveries.map((delivery) => delivery.ack()));
        await waitUntil(() => taker.unreadable.length === 2, { what: "both to be reported" });
        expect(taker.unreadable[0]).toMatchObject({ queue: "celery", bytes: expect.any(Number) });
        expect(taker.unreadable[0]?.reason).not.toBe("");
        expect(taker.unreadable[0]?.reason).not.toContain("\n");
        await taker.consumer.close();
        expect(await depth()).toBe(0);
        expect(await depth(rejectedQueue("celery"))).toBe(2);
      });
    });

    describe("counts and purges", () => {
      it("what waits, not what is in hand", async () => {
        await publish(numbered(10));
        await publish(["low"], { priority: 6 });
        const taker = await take(["celery"], { prefetch: 3 });
        await taker.took(3);
        expect(await depth()).toBe(8);
        expect(await fixture.broker.purge("celery")).toBe(8);
        expect(await fixture.broker.purge("celery")).toBe(0);
        expect(await fixture.broker.purge("nowhere")).toBe(0);
        expect(await depth()).toBe(0);
        await taker.consumer.close();
        expect(await depth()).toBe(3);
      });
    });

    describe("lets listen", () => {
      it("to a fanout exchange, from all connections, with and without a routing key", async () => {
        const other = await fixture.again();
        const [here, there] = [await hear("celeryev"), await hear("celeryev", other)];
        await publish(["a"], fanout("celeryev", "worker.heartbeat"));
        await publish(["b"], fanout("celeryev", ""), other);
        for (const ear of [here, there]) {
          await waitUntil(() => ear.names().length === 2, { what: "both messages" });
          expect(new Set(ear.names())).toEqual(new Set(["a", "b"]));
        }
        const sent = here.heard.find((envelope) => nameOf(envelope) === "a");
        expect(sent?.destination).toMatchObject({ exchange: "celeryev", routingKey: "worker.heartbeat" });
      });

      it("to what comes from now on, in order, and to no other exchange", async () => {
        await publish(["before"], fanout("celery.pidbox", ""));
        const ear = await hear("celery.pidbox");
        await publish(["elsewhere"], fanout("celeryev", "a.b"));
        await publish(numbered(20), fanout("celery.pidbox", ""));
        await publish(["last"], fanout("celery.pidbox", ""));
        await waitUntil(() => ear.names().includes("last"), { what: "the last message" });
        expect(ear.names()).toEqual([...numbered(20), "last"]);
      });

      it("until it is closed", async () => {
        const [first, second] = [await hear("celeryev"), await hear("celeryev", await fixture.again())];
        await publish(["a"], fanout("celeryev", "x"));
        await waitUntil(() => first.names().length === 1, { what: "the message" });
        await first.listener.close();
        await first.listener.close();
        await publish(["b"], fanout("celeryev", "x"));
        await waitUntil(() => second.names().length === 2, { what: "the second message" });
        expect(first.names()).toEqual(["a"]);
      });

      it("without taking anything from a queue, and nobody need listen", async () => {
        expect(await publish(["a"], fanout("celeryev", "x"))).toEqual(["sent"]);
        await publish(["b"]);
        const ear = await hear("celery");
        await publish(["c"], fanout("celery", ""));
        await waitUntil(() => ear.names().length === 1, { what: "the message" });
        expect(await depth()).toBe(1);
      });
    });
  });
}
