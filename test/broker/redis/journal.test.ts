import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { StaleTermError } from "../../../src/broker/broker.ts";
import type { Lease } from "../../../src/broker/lease.ts";
import { RedisBroker } from "../../../src/broker/redis/redis-broker.ts";
import { journalRecord, readRecord } from "../../../src/broker/redis/journal.ts";
import { leaseOf } from "../../contract/lease-contract.ts";
import { requireService } from "../../helper/debian.ts";
import { envelopeOf } from "../../helper/envelope.ts";
import { startLateRoad } from "../../helper/late-road.ts";
import { type RedisServer, startRedis } from "../../helper/redis.ts";
import { waitUntil } from "../../helper/wait.ts";

const journalKey = "lovage:app:journal";
const marksKey = "lovage:app:marks";
const names = Array.from({ length: 60 }, (_, index) => `${index}`);
const nonsense = [
  "garbage",
  "",
  "3",
  "null",
  '"x"',
  '{"a":1}',
  '["a"]',
  '["a",null]',
  '["a",true]',
  '["a",[]]',
  '["a","nan"]',
  '["a","inf"]',
  '["a","9e400"]',
  '["a","0x7fffffffffffff"]',
  '[null,"1"]',
  '[["b"],"1"]',
  '[{},"5"]',
  "[".repeat(2000),
];

describe("a record of the journal", () => {
  it("says which entries are settled up to when, whatever their names", () => {
    const marks = ['"', "\\", "\n", "ß", "🌶", "", "0"].map((entry, index) => ({ entry, dueAt: index * 1000 }));
    expect(readRecord(journalRecord(marks))).toEqual(marks);
  });

  it("writes a name that is no proper Unicode as Redis gets to see it", () => {
    expect(readRecord(journalRecord([{ entry: "a\ud800b", dueAt: 1 }]))).toEqual([{ entry: "a\ufffdb", dueAt: 1 }]);
  });

  it.each(nonsense)("tells nothing where it is %j", (text) => {
    expect(readRecord(text)).toEqual([]);
  });
});

describe.skipIf(!requireService("redis"))("the journal", () => {
  let server: RedisServer;
  let broker: RedisBroker;
  let lease: Lease;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.client().flushall();
    broker = open();
    lease = leaseOf(await broker.leases.acquire("app", { id: "one", label: "one" }, 60_000));
    return () => broker.close();
  });
  afterAll(() => server.stop());

  const open = (port = server.port): RedisBroker =>
    new RedisBroker(`redis://127.0.0.1:${port}/0`, { emit: () => undefined, transport: {} });
  const publish = (dueAt: number, isNew = true, entries = names) =>
    broker.publish(
      entries.map((name) => envelopeOf(`${name} at ${dueAt}`)),
      { scope: "app", term: lease.term, marks: entries.map((entry) => ({ entry, dueAt })), isNew },
    );
  const length = (): Promise<number> => server.client().llen(journalKey);
  const folded = (): Promise<Record<string, string>> => server.client().hgetall(marksKey);
  const allAt = (dueAt: number): ReadonlyMap<string, number> => new Map(names.map((name) => [name, dueAt]));

  it("is read with the marks, before it is folded and after", async () => {
    await publish(1);
    expect(await length()).toBe(1);
    expect(await broker.leases.marks("app")).toEqual(allAt(1));
    await waitUntil(async () => (await length()) === 0, { what: "the journal to be folded" });
    expect(await folded()).toEqual(Object.fromEntries(names.map((name) => [name, "1"])));
    expect(await broker.leases.marks("app")).toEqual(allAt(1));
  });

  it("is folded though one burst follows the other", async () => {
    let bursts = 0;
    await waitUntil(
      async () => {
        bursts += 1;
        await publish(bursts);
        return (await length()) < bursts;
      },
      { what: "the journal to grow shorter" },
    );
    expect(await broker.leases.marks("app")).toEqual(allAt(bursts));
  });

  it.each(nonsense)("passes over %j, and takes in what is behind it", async (text) => {
    await server.client().rpush(journalKey, text);
    await publish(1);
    await publish(2, false);
    expect(await length()).toBe(0);
    expect(await broker.leases.marks("app")).toEqual(allAt(2));
    expect(await broker.depth("celery")).toBe(2 * names.length);
  });

  it("raises no mark that is newer, and sets right one that is none", async () => {
    await server.client().hset(marksKey, "0", "50", "1", "soon");
    await server.client().rpush(journalKey, JSON.stringify(["0", "7", "1", "7", "2", "7"]));
    await broker.leases.dropMarks(lease, []);
    expect(await folded()).toEqual({ 0: "50", 1: "7", 2: "7" });
  });

  it("is taken in before marks are set outright, and before they are dropped", async () => {
    await publish(5);
    await broker.leases.setMarks(lease, [{ entry: "0", dueAt: 3 }]);
    await publish(6, true, names.slice(1));
    await broker.leases.dropMarks(lease, ["1"]);
    const marks = await broker.leases.marks("app");
    expect([marks.get("0"), marks.get("1"), marks.get("2")]).toEqual([3, undefined, 6]);
  });

  it("is left to the next one, who knows it and sends nothing again", async () => {
    await publish(5);
    await broker.leases.release(lease);
    await broker.close();
    expect(await length()).toBe(1);
    broker = open();
    lease = leaseOf(await broker.leases.acquire("app", { id: "two", label: "two" }, 60_000));
    expect(await broker.leases.marks("app")).toEqual(allAt(5));
    expect(new Set(await publish(5, false))).toEqual(new Set(["duplicate"]));
    expect(await length()).toBe(0);
  });

  it("is not folded under a term that is over", async () => {
    await publish(5);
    await server.client().incr("lovage:app:term");
    await expect(broker.leases.dropMarks(lease, [])).rejects.toThrow(StaleTermError);
    expect(await length()).toBe(1);
  });

  it("stops publishing where its key holds something else, and says so", async () => {
    await server.client().set(journalKey, "x");
    await expect(publish(1)).rejects.toThrow(journalKey);
    await expect(publish(1, false)).rejects.toThrow(journalKey);
    await expect(broker.leases.marks("app")).rejects.toThrow(journalKey);
    expect(await broker.depth("celery")).toBe(0);
  });

  it("does not keep a lease from being given up, however much is in it", async () => {
    await using road = await startLateRoad(server, 5);
    const far = open(road.port);
    const records = Array.from({ length: 1000 }, (_, record) => journalRecord([{ entry: `${record}`, dueAt: 1 }]));
    await server.client().rpush(journalKey, ...records);
    await far.leases.release(lease);
    expect(await length()).toBeGreaterThan(900);
    await far.close();
  });
});
