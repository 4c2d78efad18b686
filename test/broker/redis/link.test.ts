import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisBroker } from "../../../src/broker/redis/redis-broker.ts";
import { decodeMessage } from "../../../src/protocol/kombu.ts";
import { leaseOf } from "../../contract/lease-contract.ts";
import { requireService } from "../../helper/debian.ts";
import { envelopeOf, idOf } from "../../helper/envelope.ts";
import { startLateRoad } from "../../helper/late-road.ts";
import { type RedisServer, startRedis } from "../../helper/redis.ts";
import { waitUntil } from "../../helper/wait.ts";

const owner = { id: "one", label: "one" };

describe.skipIf(!requireService("redis"))("the link of the one connection that may publish", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.client().flushall();
  });
  afterAll(() => server.stop());

  const openAt = (port: number): RedisBroker =>
    new RedisBroker(`redis://127.0.0.1:${port}/0`, { emit: () => undefined, transport: {} });
  const guardOf = (term: number, names: readonly string[], dueAt: number, isNew: boolean) => ({
    scope: "app",
    term,
    marks: names.map((entry) => ({ entry, dueAt })),
    isNew,
  });

  it("keeps out what comes late, though Redis could not take the link when it was first told", async () => {
    await using road = await startLateRoad(server);
    const broker = openAt(road.port);
    const { term } = leaseOf(await broker.leases.acquire("app", owner, 60_000));
    const names = Array.from({ length: 60 }, (_, index) => `${index}`);
    const batch = names.map((name) => envelopeOf(name));
    await broker.publish([envelopeOf("warm")], guardOf(term, ["warm"], 1, false));
    const lane = road.newest();
    lane.hold();
    const lost = broker.publish(batch, guardOf(term, names, 2000, false));
    lost.catch(() => undefined);
    await waitUntil(() => lane.heldBytes() > 0, { what: "the batch to be on its way" });
    lane.cut();
    await expect(lost).rejects.toThrow("lost the connection");
    await server.client().config("SET", "maxmemory", "1");
    await expect(broker.leases.marks("app")).rejects.toThrow("out of memory");
    await server.client().config("SET", "maxmemory", "0");
    expect((await broker.leases.marks("app")).size).toBe(1);
    await lane.arrive();
    await broker.publish(batch, guardOf(term, names, 2000, true));
    expect(await broker.depth("celery")).toBe(61);
    await broker.close();
  });

  it("is told anew after somebody else has read the marks, and nothing is lost by it", async () => {
    const [broker, reader] = [openAt(server.port), openAt(server.port)];
    const { term } = leaseOf(await broker.leases.acquire("app", owner, 60_000));
    const names = Array.from({ length: 1200 }, (_, index) => `${index}`);
    for (const dueAt of [1, 2, 3]) {
      await broker.publish(
        names.map((name) => envelopeOf(`${name} at ${dueAt}`)),
        guardOf(term, names, dueAt, true),
      );
      expect((await reader.leases.marks("app")).get("7")).toBe(dueAt);
    }
    expect(await broker.publish([envelopeOf("late")], guardOf(term, ["7"], 3, false))).toEqual(["duplicate"]);
    expect(await broker.depth("celery")).toBe(3600);
    await Promise.all([broker.close(), reader.close()]);
  });

  it("keeps a batch that is judged in order, though the journal was not folded yet", async () => {
    const broker = openAt(server.port);
    const { term } = leaseOf(await broker.leases.acquire("app", owner, 60_000));
    const names = Array.from({ length: 2000 }, (_, index) => `${index}`);
    await broker.publish(
      names.map((name) => envelopeOf(name)),
      guardOf(term, names, 1, true),
    );
    await broker.publish(
      names.map((name) => envelopeOf(`second ${name}`)),
      guardOf(term, names, 2, false),
    );
    const texts = (await server.client().lrange("celery", 0, -1)).toReversed().slice(2000);
    expect(texts.map((text) => decodeMessage(text).envelope.id)).toEqual(names.map((name) => idOf(`second ${name}`)));
    await broker.close();
  });
});
