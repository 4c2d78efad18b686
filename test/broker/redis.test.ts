import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StaleTermError } from "../../src/broker/broker.ts";
import { openBroker } from "../../src/broker/open.ts";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import { systemClock } from "../../src/clock.ts";
import type { LovageEvent } from "../../src/event.ts";
import { decodeMessage, formatBinding, queueKeys } from "../../src/protocol/kombu.ts";
import { describeBroker, leasesOf } from "../contract/broker-contract.ts";
import { describeLeases, leaseOf } from "../contract/lease-contract.ts";
import { requireService } from "../helper/debian.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { startProgram } from "../helper/service.ts";
import { freePort } from "../helper/port.ts";
import { startProxy } from "../helper/proxy.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

const one = { id: "one", label: "host-1:100" };
const two = { id: "two", label: "host-2:200" };

describe.skipIf(!requireService("redis"))("Redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const open = (url = server.url, transport: Record<string, unknown> = {}): RedisBroker =>
    new RedisBroker(url, { emit: () => undefined, transport });
  const flush = async (): Promise<void> => {
    await server.client().flushall();
  };
  const waiting = async (queue: string, db = 0): Promise<readonly string[]> => {
    const client = server.client();
    await client.select(db);
    const lists = await Promise.all(queueKeys(queue).map((key) => client.lrange(key, 0, -1)));
    return lists.flatMap((texts) => texts.reverse().map((text) => decodeMessage(text).envelope.id));
  };
  const guardOf = (term: number, ...entries: string[]) => ({
    scope: "app",
    term,
    marks: entries.map((entry) => ({ entry, dueAt: 1000 })),
  });

  describeBroker("Redis", async () => {
    await flush();
    const broker = open();
    return {
      broker,
      waiting,
      bind: async (exchange, binding) => {
        await server.client().sadd(`_kombu.binding.${exchange}`, formatBinding(binding));
      },
      close: () => broker.close(),
    };
  });

  describeLeases("Redis", async () => {
    await flush();
    const broker = open();
    const expired = async (): Promise<boolean> => (await server.client().exists("lovage:app:lease")) === 0;
    return {
      leases: broker.leases,
      // A lease that was renewed does not run out: the wait ends with the span of the first.
      runOut: async (ttlMs) => {
        const until = systemClock.monotonic() + ttlMs + 1;
        await waitUntil(async () => (await expired()) || systemClock.monotonic() > until, {
          what: "the lease to run out",
        });
      },
      close: () => broker.close(),
    };
  });

  describe("what kombu finds", () => {
    it("writes the keys that kombu writes: the list and the binding", async () => {
      await flush();
      const broker = open();
      await broker.publish([envelopeOf("a"), envelopeOf("b", { priority: 5 })]);
      const client = server.client();
      expect((await client.keys("*")).sort()).toEqual(["_kombu.binding.celery", "celery", "celery\x06\x163"]);
      expect(await client.smembers("_kombu.binding.celery")).toEqual(["celery\x06\x16\x06\x16celery"]);
      await broker.close();
    });

    it("declares a queue once a connection, not once a message", async () => {
      await flush();
      const broker = open();
      await broker.publish([envelopeOf("a")]);
      await server.client().del("_kombu.binding.celery");
      await broker.publish([envelopeOf("b")]);
      expect(await server.client().exists("_kombu.binding.celery")).toBe(0);
      await broker.close();
      const next = open();
      await next.publish([envelopeOf("c")]);
      expect(await server.client().exists("_kombu.binding.celery")).toBe(1);
      await next.close();
    });

    it("gives every message a delivery tag of its own", async () => {
      await flush();
      const broker = open();
      await broker.publish([envelopeOf("a"), envelopeOf("a")]);
      const texts = await server.client().lrange("celery", 0, -1);
      expect(new Set(texts.map((text) => decodeMessage(text).deliveryTag)).size).toBe(2);
      await broker.close();
    });

    it("puts a key prefix before every key", async () => {
      await flush();
      const broker = open(server.url, { global_keyprefix: "app1:" });
      const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await broker.publish([envelopeOf("a")], guardOf(term, "x"));
      const own = ["lease", "link", "marks", "term"].map((key) => `lovage:app:${key}`);
      const keys = ["_kombu.binding.celery", "celery", ...own];
      expect((await server.client().keys("*")).sort()).toEqual(keys.map((key) => `app1:${key}`));
      expect(await broker.depth("celery")).toBe(1);
      await broker.close();
    });

    it("publishes a fanout on the channel kombu's consumers listen to, guarded or not", async () => {
      await flush();
      const subscriber = server.client();
      const heard: string[] = [];
      subscriber.on("message", (channel, text) => heard.push(`${channel} ${decodeMessage(text).envelope.id}`));
      await subscriber.subscribe("/0.news", "/0.news/eu");
      const broker = open();
      const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
      const to = (routingKey: string) => ({
        destination: { exchange: "news", exchangeType: "fanout" as const, routingKey },
      });
      await broker.publish(
        [envelopeOf("a", to("")), envelopeOf("b"), envelopeOf("c", to("eu"))],
        guardOf(term, "x", "y", "z"),
      );
      await broker.publish([envelopeOf("d", to("eu"))]);
      await waitUntil(() => heard.length === 3, {
        what: "three messages on the channels",
        detail: () => heard.join("\n"),
      });
      expect(heard).toEqual([`/0.news ${idOf("a")}`, `/0.news/eu ${idOf("c")}`, `/0.news/eu ${idOf("d")}`]);
      expect(await waiting("celery")).toEqual([idOf("b")]);
      await broker.close();
    });

    it("uses the database of the URL", async () => {
      await flush();
      const broker = open(server.url.replace(/0$/, "3"));
      await broker.publish([envelopeOf("a")]);
      expect(await waiting("celery", 3)).toEqual([idOf("a")]);
      expect(await waiting("celery", 0)).toEqual([]);
      await broker.close();
    });

    it("names the messages of a queue whose key is no list, and has sent nothing of their chunk", async () => {
      await flush();
      await server.client().set("taken", "something else");
      const broker = open();
      const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
      const batch = [envelopeOf("a"), envelopeOf("b", { queue: "taken" })];
      await expect(broker.publish(batch, guardOf(term, "x", "y"))).rejects.toMatchObject({
        code: "broker",
        ids: [idOf("b")],
        message: `queue "taken" cannot be written: ${server.url} holds a string under that name`,
      });
      expect(await broker.depth("celery")).toBe(0);
      expect((await broker.leases.marks("app")).size).toBe(0);
      await broker.close();
    });
  });

  it("does not go on with an entry whose earlier occurrence was refused, however large the batch", async () => {
    await flush();
    await server.client().set("taken", "something else");
    const broker = open();
    const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
    const names = Array.from({ length: 2400 }, (_, index) => `${index}`);
    const batch = names.map((name, index) => envelopeOf(name, index === 400 ? { queue: "taken" } : {}));
    const guard = { scope: "app", term, marks: names.map((_, index) => ({ entry: "x", dueAt: index })) };
    await expect(broker.publish(batch, guard)).rejects.toMatchObject({ ids: [idOf("400")] });
    expect(await broker.depth("celery")).toBe(0);
    const rest = { ...guard, marks: guard.marks.filter((_, index) => index !== 400) };
    const outcomes = await broker.publish(
      batch.filter((_, index) => index !== 400),
      rest,
    );
    expect(new Set(outcomes)).toEqual(new Set(["sent"]));
    expect(await waiting("celery")).toEqual(names.filter((_, index) => index !== 400).map(idOf));
    await broker.close();
  });

  describe("when Redis forgets", () => {
    it("ends every term when it was flushed, and counts on from beyond it", async () => {
      await flush();
      const broker = open();
      const before = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await broker.publish([envelopeOf("a")], guardOf(before.term, "x"));
      await flush();
      await expect(broker.publish([envelopeOf("b")], guardOf(before.term, "y"))).rejects.toThrow(StaleTermError);
      expect(await broker.leases.renew(before, 60_000)).toBe(false);
      const after = leaseOf(await broker.leases.acquire("app", one, 60_000));
      expect(after.term).toBeGreaterThan(before.term);
      expect(await broker.publish([envelopeOf("b")], guardOf(after.term, "y"))).toEqual(["sent"]);
      await broker.close();
    });

    it("has lost the notes with the marks, and takes none under the term that went with them", async () => {
      await flush();
      const broker = open();
      const before = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await broker.leases.setNotes(before, new Map([["pause x", "text"]]));
      await flush();
      expect((await broker.leases.notes("app")).size).toBe(0);
      await expect(broker.leases.setNotes(before, new Map([["pause x", "text"]]))).rejects.toThrow(StaleTermError);
      const after = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await broker.leases.setNotes(after, new Map([["pause x", "text"]]));
      expect(await broker.leases.notes("app")).toEqual(new Map([["pause x", "text"]]));
      await broker.close();
    });

    it("names the key of the notes when somebody has put something else there", async () => {
      await flush();
      const broker = open();
      const lease = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await server.client().set("lovage:app:notes", "mine");
      const message = "redis key lovage:app:notes holds a string, not a hash: delete it (DEL) and beat goes on";
      await expect(broker.leases.notes("app")).rejects.toMatchObject({ code: "broker", message });
      await expect(broker.leases.setNotes(lease, new Map([["x", null]]))).rejects.toMatchObject({ message });
      await broker.close();
    });

    it("refuses all of a batch when its script was flushed, and takes it the next time, in order", async () => {
      await flush();
      const broker = open();
      const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await broker.publish([envelopeOf("first")], guardOf(term, "first"));
      await server.client().script("FLUSH");
      const names = Array.from({ length: 3000 }, (_, index) => `${index}`);
      const batch = names.map((name) => envelopeOf(name));
      await expect(broker.publish(batch, guardOf(term, ...names))).rejects.toThrow("SCRIPT FLUSH");
      expect(await broker.depth("celery")).toBe(1);
      expect(await broker.leases.renew({ scope: "app", owner: one, term }, 60_000)).toBe(true);
      expect(new Set(await broker.publish(batch, guardOf(term, ...names)))).toEqual(new Set(["sent"]));
      expect(await waiting("celery")).toEqual(["first", ...names].map(idOf));
      await broker.close();
    });
  });

  describe("when the connection fails", () => {
    const setUp = async (transport: Record<string, unknown> = {}) => {
      await flush();
      const proxy = await startProxy(server);
      const events: LovageEvent[] = [];
      const url = `redis://127.0.0.1:${proxy.port}/0`;
      const broker = new RedisBroker(url, { emit: (event) => events.push(event), transport });
      const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
      return {
        proxy,
        broker,
        events,
        url,
        term,
        async [Symbol.asyncDispose]() {
          await broker.close();
          await proxy.close();
        },
      };
    };
    const names = Array.from({ length: 2500 }, (_, index) => `${index}`);
    const batch = names.map((name) => envelopeOf(name));

    it("rejects when the answer is lost, has sent once, and gives duplicates for the same batch again", async () => {
      await using set = await setUp();
      // The queue is declared and the script loaded: the answer that is lost is the batch's own.
      await set.broker.publish([envelopeOf("first")], guardOf(set.term, "first"));
      set.proxy.dropReplies();
      await expect(set.broker.publish(batch, guardOf(set.term, ...names))).rejects.toMatchObject({
        code: "broker",
        message: `lost the connection to ${set.url} before it answered`,
      });
      await waitUntil(async () => (await server.client().llen("celery")) > 500, { what: "the first chunk to arrive" });
      set.proxy.heal();
      const outcomes = await set.broker.publish(batch, guardOf(set.term, ...names));
      expect(outcomes.slice(0, 500)).toEqual(Array(500).fill("duplicate"));
      expect([...(await waiting("celery"))].sort()).toEqual(["first", ...names].map(idOf).sort());
    });

    it("sends an unguarded message once, though the answer was lost", async () => {
      await using set = await setUp();
      await set.broker.publish([envelopeOf("a")]);
      set.proxy.dropReplies();
      await expect(set.broker.publish([envelopeOf("b")])).rejects.toMatchObject({ code: "broker" });
      set.proxy.heal();
      await set.broker.publish([envelopeOf("c")]);
      expect(await waiting("celery")).toEqual(["a", "b", "c"].map(idOf));
    });

    it("opens a new connection when the old one was cut, and tells of both", async () => {
      await using set = await setUp();
      set.proxy.cut();
      await waitUntil(() => set.events.length === 2, { what: "the loss to be noticed" });
      expect(await set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"))).toEqual(["sent"]);
      expect(set.events.map((event) => event.type)).toEqual([
        "broker-connected",
        "broker-disconnected",
        "broker-connected",
      ]);
      expect(set.events[0]).toEqual({ type: "broker-connected", url: set.url });
      expect(set.proxy.connections()).toBe(2);
    });

    it("rejects at once while the server does not take connections, and works when it does", async () => {
      await using set = await setUp();
      set.proxy.refuse();
      set.proxy.cut();
      await waitUntil(() => set.events.length === 2, { what: "the loss to be noticed" });
      const startedAt = systemClock.monotonic();
      for (let attempt = 0; attempt < 20; attempt += 1) {
        await expect(set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"))).rejects.toThrow(
          `cannot reach ${set.url}`,
        );
      }
      expect(systemClock.monotonic() - startedAt).toBeLessThan(10_000);
      set.proxy.heal();
      expect(await set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"))).toEqual(["sent"]);
      // One try each: attempts must not breed timers that go on connecting.
      expect(set.proxy.connections()).toBe(22);
    });

    it("gives up on a connection that went silent, and does not stay with it", async () => {
      await using set = await setUp({ socket_timeout: 0.2, socket_connect_timeout: 0.2 });
      set.proxy.stall();
      await expect(set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"))).rejects.toThrow(
        "lost the connection",
      );
      await expect(set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"))).rejects.toThrow("cannot reach");
      set.proxy.heal();
      set.proxy.cut();
      expect(await set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"))).toEqual(["sent"]);
    });

    it("settles all that is under way when it closes", async () => {
      await using set = await setUp();
      const publishing = set.broker.publish([envelopeOf("a")], guardOf(set.term, "x"));
      await waitUntil(async () => (await set.broker.depth("celery")) === 1, { what: "the message to arrive" });
      await set.broker.close();
      expect(await publishing).toEqual(["sent"]);
    });

    it("finds the server again after a restart, empty, and takes a new term", async () => {
      let own = await startRedis();
      const broker = open(own.url);
      const before = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await own.kill();
      await expect(broker.publish([envelopeOf("a")], guardOf(before.term, "x"))).rejects.toMatchObject({
        code: "broker",
      });
      own = await startRedis({ port: own.port });
      await expect(broker.publish([envelopeOf("a")], guardOf(before.term, "x"))).rejects.toThrow(StaleTermError);
      const after = leaseOf(await broker.leases.acquire("app", one, 60_000));
      expect(after.term).toBeGreaterThan(before.term);
      expect(await broker.publish([envelopeOf("a")], guardOf(after.term, "x"))).toEqual(["sent"]);
      await broker.close();
      await own.stop();
    });
  });

  describe("tells what is wrong", () => {
    const problemOf = async (url: string, transport: Record<string, unknown> = {}): Promise<unknown> => {
      const broker = open(url, transport);
      const problem = await broker.publish([envelopeOf("a")]).catch((error: unknown) => error);
      await broker.close();
      return problem;
    };

    it("nobody listens there, without failing to open", async () => {
      const port = await freePort();
      const broker = await openBroker(`redis://127.0.0.1:${port}`);
      await expect(leasesOf(broker).acquire("app", one, 1000)).rejects.toMatchObject({
        code: "broker",
        message: `cannot reach redis://127.0.0.1:${port}: connection refused`,
        hint: "start redis-server there, or set another broker with -b",
      });
      await broker.close();
    });

    it("the host is not known", async () => {
      expect(await problemOf("redis://no-such-host.invalid:6379/0")).toMatchObject({
        message: "cannot reach redis://no-such-host.invalid:6379/0: its host name is not known",
      });
    });

    it("the password is missing or wrong, and never shown", async () => {
      await using guarded = await startRedis({ args: ["--requirepass", "s3cret"] });
      const at = `127.0.0.1:${guarded.port}`;
      expect(await problemOf(`redis://${at}/0`)).toMatchObject({
        message: `cannot reach redis://${at}/0: it wants a password`,
      });
      expect(await problemOf(`redis://:wrong@${at}/0`)).toMatchObject({
        message: `cannot reach redis://:***@${at}/0: user name or password is wrong`,
      });
      expect(await problemOf(`redis://:s3cret@${at}/0`)).toEqual(["sent"]);
    });

    it("the database does not exist, and nothing goes to another", async () => {
      await flush();
      const broker = open(server.url.replace(/0$/, "99"));
      for (const attempt of ["first", "second"]) {
        await expect(broker.publish([envelopeOf(attempt)])).rejects.toThrow("it has no such database");
      }
      expect(await server.client().dbsize()).toBe(0);
      await broker.close();
    });

    it("the server is full, and nothing of the batch was sent", async () => {
      await using small = await startRedis();
      const broker = open(small.url);
      const { term } = leaseOf(await broker.leases.acquire("app", one, 60_000));
      await small.client().config("SET", "maxmemory", "1");
      await expect(broker.publish([envelopeOf("a")], guardOf(term, "x"))).rejects.toThrow(
        "it is out of memory (maxmemory)",
      );
      await small.client().config("SET", "maxmemory", "0");
      expect(await broker.publish([envelopeOf("a")], guardOf(term, "x"))).toEqual(["sent"]);
      await broker.close();
    });

    it("the server is a replica, and finds out anew each time", async () => {
      await using replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(await freePort())] });
      const broker = open(replica.url);
      await expect(broker.publish([envelopeOf("a")])).rejects.toThrow("it is a read-only replica");
      await replica.client().replicaof("NO", "ONE");
      expect(await broker.publish([envelopeOf("a")])).toEqual(["sent"]);
      await broker.close();
    });
  });

  it("connects through a Unix socket", async () => {
    await using folder = temporaryFolder();
    const socket = folder.file("redis.sock");
    await using own = await startRedis({ args: ["--unixsocket", socket] });
    const broker = await openBroker(`redis+socket://${socket}`);
    await broker.publish([envelopeOf("a")]);
    expect(await own.client().llen("celery")).toBe(1);
    await broker.close();
  });

  it("finds the master through sentinels, one of which is down", async () => {
    await using master = await startRedis();
    await using folder = temporaryFolder();
    const port = await freePort();
    const config = folder.file("sentinel.conf");
    await writeFile(
      config,
      `bind 127.0.0.1\nport ${port}\ndir ${folder.path}\nsentinel monitor main 127.0.0.1 ${master.port} 1\n`,
    );
    const sentinel = await startProgram("redis-server", [config, "--sentinel"]);
    await waitUntil(() => sentinel.output().includes("+monitor"), {
      what: "sentinel to start",
      detail: sentinel.output,
    });
    const url = `sentinel://127.0.0.1:${await freePort()};sentinel://127.0.0.1:${port}/2`;
    const broker = open(url, { master_name: "main" });
    expect(await broker.publish([envelopeOf("a")])).toEqual(["sent"]);
    const client = master.client();
    await client.select(2);
    expect(await client.llen("celery")).toBe(1);
    await broker.close();
    const misnamed = open(url, { master_name: "other" });
    await expect(misnamed.publish([envelopeOf("a")])).rejects.toMatchObject({
      hint: "check the hosts, ports and master_name",
    });
    await misnamed.close();
    await sentinel.stop();
  });

  it("gives a lease to one of two brokers on their own connections", async () => {
    await flush();
    const [left, right] = [open(), open()];
    const answers = await Promise.all([
      left.leases.acquire("app", one, 60_000),
      right.leases.acquire("app", two, 60_000),
    ]);
    expect(answers.filter((answer) => "lease" in answer)).toHaveLength(1);
    await Promise.all([left.close(), right.close()]);
  });
});
