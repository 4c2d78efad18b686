import { describe, expect, it } from "vitest";
import { openBroker } from "../../src/broker/open.ts";
import type { LovageEvent } from "../../src/event.ts";
import { evictionPolicy } from "../../src/redis/eviction.ts";
import { openStore } from "../../src/store/open.ts";
import { requireService } from "../helper/debian.ts";
import { startRedis } from "../helper/redis.ts";
import { waitUntil } from "../helper/wait.ts";

describe("evictionPolicy", () => {
  it.each([
    ["maxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:allkeys-lru\r\n", null],
    ["maxmemory:1000\r\nmaxmemory_policy:noeviction\r\n", null],
    ["maxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n", "allkeys-lru"],
    ["# Memory\nmaxmemory:1000\nmaxmemory_policy:volatile-ttl\n", "volatile-ttl"],
    ["maxmemory:1000\r\n", null],
    ["", null],
  ])("finds what throws keys away once there is a limit: %j", (info, policy) => {
    expect(evictionPolicy(info)).toBe(policy);
  });
});

describe.skipIf(!requireService("redis"))("a Redis that throws keys away when it is full", () => {
  it("is reported once by the broker and once by the beat-record, over any number of connections", async () => {
    await using server = await startRedis({ args: ["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"] });
    const events: LovageEvent[] = [];
    const emit = (event: LovageEvent): void => void (event.type === "failure" && events.push(event));
    const broker = await openBroker(server.url, { emit });
    const store = await openStore(server.url, { scope: "app", emit });
    for (let round = 0; round < 3; round += 1) {
      await broker.depth("celery");
      const heard = await broker.listen("celeryev", () => undefined);
      await heard.close();
      await store.load();
      await server.client().call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await waitUntil(
        () =>
          broker.depth("celery").then(
            () => true,
            () => false,
          ),
        { what: "the broker to be back" },
      );
      await waitUntil(
        () =>
          store.load().then(
            () => true,
            () => false,
          ),
        { what: "the record to be back" },
      );
    }
    const thrown = "queues, marks and beat-records";
    const reason = `maxmemory-policy is allkeys-lru: when this Redis is full it throws away ${thrown} (set maxmemory-policy noeviction)`;
    expect(events).toEqual([
      { type: "failure", where: `the broker ${server.url}`, reason },
      { type: "failure", where: `the beat-record ${server.url}`, reason },
    ]);
    await broker.close();
    await store.close();
  });

  it("is not reported when it throws nothing away", async () => {
    await using server = await startRedis({ args: ["--maxmemory", "50mb", "--maxmemory-policy", "noeviction"] });
    const events: LovageEvent[] = [];
    const store = await openStore(server.url, { scope: "app", emit: (event) => events.push(event) });
    await store.load();
    await store.load();
    expect(events).toEqual([]);
    await store.close();
  });
});
