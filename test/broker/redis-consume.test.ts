import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type BoundQueue,
  type Consumer,
  type Delivery,
  rejectedQueue,
  type Unreadable,
} from "../../src/broker/consumer.ts";
import { createConsumerId } from "../../src/broker/redis/consumer-id.ts";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import type { LovageEvent } from "../../src/event.ts";
import { encodeMessage } from "../../src/protocol/kombu.ts";
import { describeConsuming } from "../contract/consume-contract.ts";
import { requireService } from "../helper/debian.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { startProxy } from "../helper/proxy.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

describe.skipIf(!requireService("redis"))("consuming from Redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const open = (url = server.url, transport: Record<string, unknown> = {}): RedisBroker =>
    new RedisBroker(url, { emit: () => undefined, transport });

  /** Everybody's time has passed, and somebody comes along and sees it. */
  /** As a sweeper of another machine would, when the consumers there have not shown up in time. */
  async function takeAway(): Promise<void> {
    const client = server.client();
    // The newest first, so that the oldest is the next one out.
    const number = (tag: string): number => Number(tag.split(":").at(-1));
    const taken = Object.entries(await client.hgetall("unacked")).sort(([a], [b]) => number(b) - number(a));
    await client.del("lovage:consumers", "unacked", "unacked_index");
    for (const [, value] of taken) {
      const [message, , queue] = JSON.parse(value) as [{ headers: object }, string, string];
      const again = { ...message, headers: { ...message.headers, redelivered: true } };
      await client.rpush(queue, JSON.stringify(again));
    }
  }

  describeConsuming("Redis", async () => {
    await server.client().flushall();
    const brokers = [open()];
    return {
      broker: brokers[0]!,
      again: async () => {
        const broker = open();
        brokers.push(broker);
        return broker;
      },
      putUnreadable: async (queue) => {
        await server.client().lpush(queue, "this is no message");
      },
      takeAway,
      close: async () => {
        await Promise.all(brokers.map((broker) => broker.close()));
      },
    };
  });

  describe("when things go wrong", () => {
    let opened: { close(): Promise<unknown> }[];
    let events: LovageEvent[];
    beforeEach(async () => {
      await server.client().flushall();
      opened = [];
      events = [];
    });
    afterEach(async () => {
      await Promise.all(opened.map((one) => one.close()));
    });

    const celery: BoundQueue = { name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" };
    const broker = (url = server.url, transport: Record<string, unknown> = {}): RedisBroker => {
      const made = new RedisBroker(url, { emit: (event) => events.push(event), transport });
      opened.push(made);
      return made;
    };
    interface Taker {
      readonly consumer: Consumer;
      readonly deliveries: readonly Delivery[];
      readonly unreadable: readonly Unreadable[];
      readonly took: (count: number) => Promise<readonly string[]>;
    }
    const take = async (from: RedisBroker, prefetch = 10, queues = [celery]): Promise<Taker> => {
      const deliveries: Delivery[] = [];
      const unreadable: Unreadable[] = [];
      const consumer = await from.consume(queues, {
        label: "test@here",
        prefetch,
        onDelivery: (delivery) => deliveries.push(delivery),
        onUnreadable: (one) => unreadable.push(one),
      });
      const ids = (): readonly string[] => deliveries.map(({ envelope }) => envelope.id);
      const took = async (count: number): Promise<readonly string[]> => {
        await waitUntil(() => deliveries.length >= count, {
          what: `${count} deliveries`,
          timeoutMs: 20_000,
          everyMs: 2,
          detail: () => JSON.stringify([ids(), events]),
        });
        return ids();
      };
      return { consumer, deliveries, unreadable, took };
    };
    const ids = (...names: string[]): readonly string[] => names.map(idOf);
    const send = (...names: string[]) => broker().publish(names.map((name) => envelopeOf(name)));

    it("goes on after FLUSHALL: what was in hand is nobody's, what comes is taken, the binding is there again", async () => {
      const taker = await take(broker());
      await send("a");
      await taker.took(1);
      const client = server.client();
      await client.flushall();
      await waitUntil(async () => (await client.zcard("lovage:consumers")) === 1, { what: "the consumer to register" });
      expect(await client.smembers("_kombu.binding.celery")).toEqual(["celery\x06\x16\x06\x16celery"]);
      await send("b");
      expect(await taker.took(2)).toEqual(ids("a", "b"));
      expect(await Promise.all(taker.deliveries.map((delivery) => delivery.ack()))).toEqual([false, true]);
    });

    it("goes on after SCRIPT FLUSH", async () => {
      const taker = await take(broker());
      await server.client().script("FLUSH");
      await send("a");
      await taker.took(1);
      await server.client().script("FLUSH");
      expect(await taker.deliveries[0]?.ack()).toBe(true);
    });

    it.each(["normal", "pubsub"] as const)(
      "goes on when its %s connection is killed, with what is in hand",
      async (type) => {
        const taker = await take(broker(), 2);
        await send("a", "b", "c");
        await taker.took(2);
        const client = server.client();
        await client.call("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
        const acks = taker.deliveries.map((delivery) => delivery.ack());
        expect(await Promise.all(acks)).toEqual([true, true]);
        expect(await taker.took(3)).toEqual(ids("a", "b", "c"));
        expect(await client.zcard("lovage:consumers")).toBe(1);
        expect(await client.hlen("unacked")).toBe(1);
        expect(events.map(({ type }) => type)).toContain("broker-connected");
      },
    );

    it("goes on when Redis has been away, and settles what waited", async () => {
      await using folder = temporaryFolder();
      const args = ["--appendonly", "yes", "--appendfsync", "always"];
      const first = await startRedis({ dir: folder.path, args });
      const from = broker(first.url);
      const taker = await take(from);
      await from.publish([envelopeOf("a"), envelopeOf("b")]);
      await taker.took(2);
      await first.kill();
      const acks = Promise.all(taker.deliveries.map((delivery) => delivery.ack()));
      await waitUntil(() => events.some(({ type }) => type === "broker-disconnected"), { what: "the loss to be told" });
      await using second = await startRedis({ dir: folder.path, args, port: first.port });
      expect(await acks).toEqual([true, true]);
      await broker(second.url).publish([envelopeOf("c")]);
      expect(await taker.took(3)).toEqual(ids("a", "b", "c"));
      expect(await second.client().hlen("unacked")).toBe(1);
      await from.close();
      expect(await second.client().llen("celery")).toBe(1);
    });

    it("notices a Redis that hangs, and goes on when it moves again", async () => {
      await using own = await startRedis();
      const from = broker(own.url, { socket_timeout: 0.3, socket_connect_timeout: 0.3 });
      const taker = await take(from);
      await from.publish([envelopeOf("a")]);
      await taker.took(1);
      process.kill(own.pid, "SIGSTOP");
      const ack = taker.deliveries[0]?.ack();
      await waitUntil(() => events.some(({ type }) => type === "failure"), { what: "a failed attempt" });
      process.kill(own.pid, "SIGCONT");
      expect(await ack).toBe(true);
      await from.publish([envelopeOf("b")]);
      expect(await taker.took(2)).toEqual(ids("a", "b"));
      expect(await own.client().hlen("unacked")).toBe(1);
    });

    it("gets back what was taken for it when the answer was lost, and says true of an ack whose answer was lost", async () => {
      await using proxy = await startProxy({ host: server.host, port: server.port });
      const taker = await take(broker(`redis://127.0.0.1:${proxy.port}/0`), 1);
      await send("a", "b", "c");
      await taker.took(1);
      const client = server.client();
      proxy.dropReplies();
      // The ack makes room: Redis does it and hands out the next, and we hear of neither.
      const ack = taker.deliveries[0]?.ack();
      await waitUntil(async () => (await client.llen("celery")) === 1, { what: "the next to be taken unseen" });
      proxy.heal();
      expect(await ack).toBe(true);
      for (const index of [1, 2]) {
        await taker.took(index + 1);
        expect(await taker.deliveries[index]?.ack()).toBe(true);
      }
      expect(await taker.took(3)).toEqual(ids("a", "b", "c"));
      expect(await client.hlen("unacked")).toBe(0);
    });

    it("is told of a message at once, and does not ask again and again meanwhile", async () => {
      const taker = await take(broker(), 100);
      const client = server.client();
      const times: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        await send(`${round}`);
        const from = performance.now();
        await taker.took(round + 1);
        times.push(performance.now() - from);
      }
      // Looking only once a second would take half a second each.
      expect(times.toSorted((left, right) => left - right)[10]).toBeLessThan(250);
      expect(await client.info("clients")).toContain("tracking_clients:1");
      await client.config("RESETSTAT");
      await waitUntil(async () => /cmdstat_evalsha:calls=2/.test(await client.info("commandstats")), {
        what: "two more looks",
        everyMs: 100,
      });
      expect(taker.deliveries).toHaveLength(20);
    });

    it("asks all the time, and says so once, where Redis may not tell", async () => {
      await using own = await startRedis();
      const client = own.client();
      await client.acl("SETUSER", "plain", "on", ">secret", "~*", "&*", "+@all", "-client|tracking");
      const from = broker(own.url.replace("redis://", "redis://plain:secret@"));
      const taker = await take(from);
      await from.publish([envelopeOf("a")]);
      await taker.took(1);
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await waitUntil(async () => String(await client.call("CLIENT", "LIST")).includes("lovage-test@here"), {
        what: "it to be back",
      });
      await broker(own.url).publish([envelopeOf("b")]);
      await taker.took(2);
      const told = events.filter((event) => event.type === "failure" && event.reason.includes("asked every 50 ms"));
      expect(told).toHaveLength(1);
    });

    it("takes messages of 5 MB, a few at a time, and gives them back whole", async () => {
      const from = broker();
      const texts = ["x", "y", "z"].map((letter) => letter.repeat(5_000_000));
      await from.publish(texts.map((text) => envelopeOf(text.charAt(0), { args: [text] })));
      const first = await take(from, 0);
      await first.took(3);
      await first.consumer.close();
      const second = await take(from, 0);
      expect(await second.took(3)).toEqual(ids("x", "y", "z"));
      const sizes = second.deliveries.map(
        ({ envelope }) => (JSON.parse(String(envelope.body)) as string[][])[0]?.[0]?.length,
      );
      expect(sizes).toEqual([5_000_000, 5_000_000, 5_000_000]);
      expect(await Promise.all(second.deliveries.map((delivery) => delivery.ack()))).toEqual([true, true, true]);
    });

    it("sets aside what is no message, byte for byte", async () => {
      const bytes = Buffer.from([0xff, 0x00, 0x22, 0x5d, 0x80]);
      await server.client().lpush('naïve " ☃', bytes);
      const taker = await take(broker(), 1, [{ ...celery, name: 'naïve " ☃' }]);
      await waitUntil(() => taker.unreadable.length === 1, { what: "the report" });
      expect(await server.client().lrangeBuffer(rejectedQueue('naïve " ☃'), 0, -1)).toEqual([bytes]);
    });

    it("keeps the newest 10,000 of what is set aside", async () => {
      const client = server.client();
      const old = Array.from({ length: 10_000 }, (_, index) => `old ${index}`);
      await client.lpush(rejectedQueue("celery"), ...old);
      const taker = await take(broker());
      await send("a");
      await taker.took(1);
      await taker.deliveries[0]?.reject(false);
      expect(await client.llen(rejectedQueue("celery"))).toBe(10_000);
      expect(await client.lindex(rejectedQueue("celery"), -1)).toBe("old 1");
    });

    it("still takes and settles when Redis is out of memory", async () => {
      await using own = await startRedis();
      const from = broker(own.url);
      await from.publish([envelopeOf("a"), envelopeOf("b")]);
      const taker = await take(from, 1);
      await taker.took(1);
      await own.client().config("SET", "maxmemory", "1");
      expect(await taker.deliveries[0]?.ack()).toBe(true);
      await taker.took(2);
      expect(await taker.deliveries[1]?.ack()).toBe(true);
    });

    it("loses nothing when kombu's key is of another kind, and says which", async () => {
      const taker = await take(broker());
      const client = server.client();
      await client.set("unacked", "not a hash");
      await send("a");
      await waitUntil(() => events.some((event) => event.type === "failure" && event.reason.includes("unacked")), {
        what: "the failure to be told",
      });
      expect(await client.llen("celery")).toBe(1);
      await client.del("unacked");
      expect(await taker.took(1)).toEqual(ids("a"));
    });

    it("refuses a queue on a fanout exchange, and an address where nothing answers", async () => {
      const queue: BoundQueue = { ...celery, exchangeType: "fanout" };
      await expect(take(broker(), 1, [queue])).rejects.toThrow("bound to the fanout exchange celery");
      await expect(take(broker("redis://127.0.0.1:1/0"))).rejects.toThrow("connection refused");
    });

    it("rejects an ack that waits for a Redis that is gone when its consumer closes", async () => {
      const own = await startRedis();
      const from = broker(own.url);
      const taker = await take(from);
      await from.publish([envelopeOf("a")]);
      await taker.took(1);
      await own.stop();
      const ack = taker.deliveries[0]!.ack();
      const outcome = ack.then(
        () => "settled",
        (error: Error) => error.message,
      );
      await taker.consumer.close();
      expect(await outcome).toContain("closed before");
    });

    it("uses kombu's keys under the names and the prefix it is given", async () => {
      const transport = { global_keyprefix: "app1:", unacked_key: "u", unacked_index_key: "i" };
      const from = broker(server.url, transport);
      const taker = await take(from);
      await from.publish([envelopeOf("a")]);
      await taker.took(1);
      const names = ["_kombu.binding.celery", "i", "lovage:consumers", "u"].map((name) => `app1:${name}`);
      expect((await server.client().keys("*")).toSorted()).toEqual(names);
      const [value] = await server.client().hvals("app1:u");
      expect(value).toMatch(/^\[\{"body": .*\}, "", "celery"\]$/);
    });

    describe("with what others left", () => {
      /** As a consumer leaves it that took two messages and died. */
      const leave = async (id: string, score: number): Promise<void> => {
        const client = server.client();
        await client.zadd("lovage:consumers", String(score), id);
        for (const [index, name] of ["a", "b"].entries()) {
          const text = encodeMessage(envelopeOf(name, { priority: 3 }), name);
          await client.hset("unacked", `${id}:${index + 9}`, `[${text}, "", "celery"]`);
          await client.zadd("unacked_index", String(Date.now() / 1000), `${id}:${index + 9}`);
        }
      };
      const soon = (): number => Date.now() / 1000 + 60;

      it("gives back at once what a process had that is gone from this machine", async () => {
        const child = spawn("true");
        await once(child, "exit");
        const [random = "", machine = "", , started = ""] = createConsumerId().split("-");
        await leave([random, machine, child.pid, started].join("-"), soon());
        const taker = await take(broker());
        expect(await taker.took(2)).toEqual(ids("a", "b"));
        expect(taker.deliveries.map(({ redelivered }) => redelivered)).toEqual([true, true]);
        expect(await server.client().zcard("lovage:consumers")).toBe(1);
      });

      it("gives back what a consumer had that has not shown up in time", async () => {
        await leave("0123-4567-1-1", Date.now() / 1000 - 1);
        expect(await (await take(broker())).took(2)).toEqual(ids("a", "b"));
      });

      it("leaves alone what a living one has, here or elsewhere", async () => {
        await leave(createConsumerId(), soon());
        await leave("0123-4567-1-1", soon());
        const taker = await take(broker());
        await send("c");
        expect(await taker.took(1)).toEqual(ids("c"));
        expect(await server.client().hlen("unacked")).toBe(5);
      });

      it("gives back what was taken longer ago than the visibility timeout, to the queues of its exchange", async () => {
        const client = server.client();
        const taken: readonly [tag: string, exchange: string, routingKey: string][] = [
          ["a", "", "celery"],
          ["b", "news", "eu.sport"],
          ["c", "nowhere", "lost"],
        ];
        await client.sadd("_kombu.binding.news", String.raw`eu.*`.concat("\x06\x16^eu\\..*?[^\\.]$\x06\x16celery"));
        for (const [index, [name, exchange, routingKey]] of taken.entries()) {
          const text = encodeMessage(envelopeOf(name), name);
          await client.hset("unacked", name, `[${text}, "${exchange}", "${routingKey}"]`);
          await client.zadd("unacked_index", String(1000 + index), name);
        }
        await client.zadd("unacked_index", "1", "without a message");
        const taker = await take(broker());
        expect(await taker.took(2)).toEqual(ids("a", "b"));
        expect(await client.llen(rejectedQueue("lost"))).toBe(1);
        expect(await client.zcard("unacked_index")).toBe(2);
      });
    });
  });

  describe("listening", () => {
    it("drops what cannot be read, says so, and hears again after a loss", async () => {
      const events: LovageEvent[] = [];
      const broker = new RedisBroker(server.url, { emit: (event) => events.push(event), transport: {} });
      const heard: string[] = [];
      await broker.listen("odd[*]?", (envelope) => heard.push(envelope.id));
      const client = server.client();
      await client.publish("/0.odd[*]?/x", "no message");
      await client.publish("/0.oddx/y", encodeMessage(envelopeOf("other"), "tag"));
      await client.publish("/0.odd[*]?/x", encodeMessage(envelopeOf("a"), "tag"));
      await waitUntil(() => heard.length === 1, { what: "the first message" });
      expect(events.filter(({ type }) => type === "failure")).toHaveLength(1);
      await client.call("CLIENT", "KILL", "TYPE", "pubsub");
      await waitUntil(async () => (await client.publish("/0.odd[*]?", encodeMessage(envelopeOf("b"), "tag"))) > 0, {
        what: "somebody to listen again",
      });
      await waitUntil(() => heard.length === 2, { what: "the second message" });
      expect(heard).toEqual([idOf("a"), idOf("b")]);
      await broker.close();
    });
  });
});
