import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Guard, Mark } from "../../../src/broker/broker.ts";
import { RedisBroker } from "../../../src/broker/redis/redis-broker.ts";
import { decodeMessage } from "../../../src/protocol/kombu.ts";
import { leaseOf } from "../../contract/lease-contract.ts";
import { requireService } from "../../helper/debian.ts";
import { envelopeOf, idOf } from "../../helper/envelope.ts";
import { type Lane, startLateRoad } from "../../helper/late-road.ts";
import { type RedisServer, startRedis } from "../../helper/redis.ts";
import { waitUntil } from "../../helper/wait.ts";

const parcel = 500;
const namesOf = (count: number, tag = ""): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${tag}${index}`);
const marksOf = (names: readonly string[], dueAt: number): readonly Mark[] => names.map((entry) => ({ entry, dueAt }));

describe.skipIf(!requireService("redis"))("a batch that only the term decides", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.client().flushall();
  });
  afterAll(() => server.stop());

  const lead = async (port = server.port, owner = "one") => {
    const broker = new RedisBroker(`redis://127.0.0.1:${port}/0`, { emit: () => undefined, transport: {} });
    const lease = leaseOf(await broker.leases.acquire("app", { id: owner, label: owner }, 60_000));
    const guard = (names: readonly string[], dueAt: number, isNew: boolean): Guard => ({
      scope: "app",
      term: lease.term,
      marks: marksOf(names, dueAt),
      isNew,
    });
    return {
      broker,
      lease,
      guard,
      publish: (names: readonly string[], dueAt: number, isNew: boolean) =>
        broker.publish(names.map(envelopeAt(dueAt)), guard(names, dueAt, isNew)),
      [Symbol.asyncDispose]: () => broker.close(),
    };
  };
  const envelopeAt = (dueAt: number) => (name: string) => envelopeOf(`${name} at ${dueAt}`);
  const idsAt = (names: readonly string[], dueAt: number) => names.map((name) => idOf(`${name} at ${dueAt}`));
  /** Oldest first. */
  const sentTo = async (queue = "celery"): Promise<readonly string[]> => {
    const texts = await server.client().lrange(queue, 0, -1);
    return texts.reverse().map((text) => decodeMessage(text).envelope.id);
  };

  /** All of the database, as Redis would move it. */
  const keysAndValues = async (): Promise<ReadonlyMap<string, string | undefined>> => {
    const client = server.client();
    const keys = (await client.keys("*")).toSorted();
    const values = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
    return new Map(keys.map((key, index) => [key, values[index]?.toString("hex")]));
  };

  /** A batch of which not a byte has arrived, its sender cut off. */
  const loseOnTheWay = async (lane: Lane, send: () => Promise<unknown>): Promise<void> => {
    lane.hold();
    const lost = send();
    lost.catch(() => undefined);
    await waitUntil(() => lane.heldBytes() > 0, { what: "the batch to be on its way" });
    lane.cut();
    await expect(lost).rejects.toThrow("lost the connection");
  };

  it("is in order and whole, over parcels, made ahead or not", async () => {
    await using one = await lead();
    const names = namesOf(4 * parcel + 7);
    const batch = names.map(envelopeAt(1));
    one.broker.prepare(batch.slice(0, 2 * parcel), marksOf(names, 1).slice(0, 2 * parcel));
    await one.broker.publish(batch, one.guard(names, 1, true));
    expect(await sentTo()).toEqual(idsAt(names, 1));
    expect(await one.broker.leases.marks("app")).toEqual(new Map(names.map((name) => [name, 1])));
  });

  it.each([1, 60, 3 * parcel])("of %d goes once, though its first try arrives after its second", async (count) => {
    await using road = await startLateRoad(server);
    await using one = await lead(road.port);
    const names = namesOf(count);
    await one.publish(names, 1, true);
    const lane = road.newest();
    await loseOnTheWay(lane, () => one.publish(names, 2, true));
    await one.publish(names, 2, false);
    await lane.arrive();
    expect(await sentTo()).toEqual([...idsAt(names, 1), ...idsAt(names, 2)]);
  });

  it.each([true, false])(
    "does nothing when it arrives after marks were read that do not know it (new: %s)",
    async (isNew) => {
      await using road = await startLateRoad(server);
      await using one = await lead(road.port);
      const names = namesOf(60);
      await one.publish(names, 1, false);
      const lane = road.newest();
      await loseOnTheWay(lane, () => one.publish(names, 2, isNew));
      expect((await one.broker.leases.marks("app")).get("7")).toBe(1);
      await lane.arrive();
      await one.publish(names, 2, true);
      expect(await sentTo()).toEqual([...idsAt(names, 1), ...idsAt(names, 2)]);
    },
  );

  it("goes on when another has read the marks meanwhile, or its link is forgotten", async () => {
    await using one = await lead();
    const other = new RedisBroker(server.url, { emit: () => undefined, transport: {} });
    const names = namesOf(2 * parcel);
    await one.publish(names, 1, true);
    await other.leases.marks("app");
    await other.close();
    await one.publish(names, 2, true);
    await server.client().del("lovage:app:link");
    await one.publish(names, 3, true);
    expect(await sentTo()).toEqual([1, 2, 3].flatMap((dueAt) => idsAt(names, dueAt)));
  });

  it.each([0, 1, 2, 4, 7])(
    "ends where another takes over, %d parcels later, who reads in marks and journal what was sent",
    async (parcels) => {
      const names = namesOf(10 * parcel);
      await using one = await lead();
      const client = server.client();
      const first = one.publish(names, 1, true).catch((error: unknown) => error);
      await waitUntil(async () => (await client.llen("celery")) >= parcels * parcel, { what: "parcels", everyMs: 1 });
      await client.del("lovage:app:lease");
      await using two = await lead(server.port, "two");
      const known = await two.broker.leases.marks("app");
      const rest = names.filter((name) => !known.has(name));
      if (rest.length > 0) await two.publish(rest, 1, true);
      await first;
      expect((await sentTo()).toSorted()).toEqual(idsAt(names, 1).toSorted());
    },
  );

  it("takes two batches at the same time one after the other", async () => {
    await using one = await lead();
    const [left, right] = [namesOf(3 * parcel, "left "), namesOf(3 * parcel, "right ")];
    await Promise.all([one.publish(left, 1, true), one.publish(right, 1, true)]);
    expect(await sentTo()).toEqual([...idsAt(left, 1), ...idsAt(right, 1)]);
  });

  it("is whole or not at all where memory runs out, and goes on as one that is not new", async () => {
    await using one = await lead();
    const client = server.client();
    const names = namesOf(20 * parcel);
    const used = Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
    await client.config("SET", "maxmemory", String(used + 3_000_000));
    try {
      await expect(one.publish(names, 1, true)).rejects.toThrow("memory");
    } finally {
      await client.config("SET", "maxmemory", "0");
    }
    const before = await sentTo();
    expect(before.length % parcel).toBe(0);
    expect((await one.broker.leases.marks("app")).size).toBe(before.length);
    await one.publish(names, 1, false);
    expect((await sentTo()).toSorted()).toEqual(idsAt(names, 1).toSorted());
  });

  it("sends nothing where the user may not write the journal", async () => {
    const keys = ["term", "lease", "link", "marks", "notes"].map((name) => `~lovage:app:${name}`);
    const rules = ["reset", "on", ">secret", "+@all", ...keys, "~celery*", "~_kombu*", "&*"];
    await server.client().call("ACL", "SETUSER", "limited", ...rules);
    await using one = await lead();
    const url = server.url.replace("//", "//limited:secret@");
    const limited = new RedisBroker(url, { emit: () => undefined, transport: {} });
    const names = namesOf(60);
    const publishing = limited.publish(names.map(envelopeAt(1)), one.guard(names, 1, true));
    await expect(publishing).rejects.toThrow("lovage:app:journal");
    await limited.close();
    expect(await sentTo()).toEqual([]);
  });

  it("is warmed up for without a trace but the names of queue and connection, large or small", async () => {
    await using one = await lead();
    const names = namesOf(2 * parcel);
    const batch = names.map(envelopeAt(1));
    const guard = one.guard(names, 1, true);
    one.broker.prepare(batch.slice(0, parcel), guard.marks.slice(0, parcel));
    const keys = await server.client().keys("*");
    await one.broker.warmUp(batch, guard);
    const before = await keysAndValues();
    expect([...before.keys()]).toEqual([...keys, "_kombu.binding.celery", "lovage:app:link"].toSorted());
    for (let round = 0; round < 3; round += 1) await one.broker.warmUp(batch, guard);
    await one.broker.warmUp(batch.slice(0, 3), { ...guard, marks: guard.marks.slice(0, 3) });
    expect(await keysAndValues()).toEqual(before);
    await one.broker.publish(batch, guard);
    expect(await sentTo()).toEqual(idsAt(names, 1));
  });

  it("is not warmed up for where that would carry its messages to Redis", async () => {
    await using one = await lead();
    const names = namesOf(parcel);
    const twice = [...names, ...names];
    await one.broker.warmUp(twice.map(envelopeAt(1)), one.guard(twice, 1, true));
    expect((await keysAndValues()).has("_kombu.binding.celery")).toBe(false);
  });

  it("is warmed up for once at a time, where Redis does not answer", async () => {
    await using road = await startLateRoad(server);
    await using one = await lead(road.port);
    const names = namesOf(parcel);
    const batch = names.map(envelopeAt(1));
    const guard = one.guard(names, 1, true);
    await one.broker.warmUp(batch, guard);
    const lane = road.newest();
    lane.hold();
    const held = one.broker.warmUp(batch, guard);
    held.catch(() => undefined);
    await waitUntil(() => lane.heldBytes() > 0, { what: "the question to be on its way" });
    for (let round = 0; round < 20; round += 1) await one.broker.warmUp(batch, guard);
    const published = one.broker.publish(batch, guard);
    lane.cut();
    await expect(held).rejects.toThrow("lost the connection");
    await published;
    expect(await sentTo()).toEqual(idsAt(names, 1));
  });
});
