import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { LovageError } from "../../src/error.ts";
import { writeResult } from "../../src/protocol/result-json.ts";
import { RedisResults } from "../../src/result/redis/redis-results.ts";
import { describeResults } from "../contract/result-contract.ts";
import { requireService } from "../helper/debian.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { startProxy } from "../helper/proxy.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { waitUntil } from "../helper/wait.ts";
import { AT, failureOf, metaOf, recordOf, startedOf } from "./sample.ts";

const options = { clock: systemClock, emit: () => undefined, transportOptions: {}, expiresMs: 3_600_000 };

describe.skipIf(!requireService("redis"))("results on Redis", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  describeResults("redis", async () => {
    const [backend, other] = [new RedisResults(redis.url, options), new RedisResults(redis.url, options)];
    return { backend, other, close: async () => void (await Promise.all([backend.close(), other.close()])) };
  });

  async function withBackend(work: (backend: RedisResults) => Promise<void>, more: object = {}): Promise<void> {
    const backend = new RedisResults(redis.url, { ...options, ...more });
    try {
      await work(backend);
    } finally {
      await backend.close();
    }
  }

  async function subscribers(...ids: readonly string[]): Promise<number> {
    const counts = await redis.client().pubsub("NUMSUB", ...ids.map((id) => `celery-task-meta-${id}`));
    return counts.reduce<number>((sum, count) => sum + (typeof count === "number" ? count : 0), 0);
  }

  it("are kept under Celery's key as Celery's text, published there too, and expire", () =>
    withBackend(async (backend) => {
      const [client, listener] = [redis.client(), redis.client()];
      const record = recordOf(randomUUID());
      const key = `celery-task-meta-${record.taskId}`;
      await listener.subscribe(key);
      const published = new Promise((resolve) => listener.on("message", (_, text) => resolve(text)));
      await backend.put([record]);
      expect(await client.get(key)).toBe(writeResult(record));
      expect(await published).toBe(writeResult(record));
      expect(await client.ttl(key)).toBeGreaterThan(3590);
    }));

  it("stay for ever when they do not expire", () =>
    withBackend(
      async (backend) => {
        const record = recordOf(randomUUID());
        await backend.put([record]);
        expect(await redis.client().ttl(`celery-task-meta-${record.taskId}`)).toBe(-1);
      },
      { expiresMs: null },
    ));

  it("have the global key prefix before them, set off as Celery does it", async () => {
    const client = redis.client();
    for (const [prefix, start] of [
      ["mine", "mine_"],
      ["mine:", "mine:"],
    ]) {
      const id = randomUUID();
      await withBackend(
        async (backend) => {
          const waiting = backend.wait(id);
          await backend.put([recordOf(id)]);
          expect(await waiting).toEqual(metaOf(id));
        },
        { transportOptions: { global_keyprefix: prefix } },
      );
      expect(await client.exists(`${start}celery-task-meta-${id}`)).toBe(1);
    }
  });

  it("stand once they are a SUCCESS, wherever another program has put the status", () =>
    withBackend(async (backend) => {
      const client = redis.client();
      const texts = [
        '{"task_id": "x", "status": "SUCCESS", "result": 1}',
        '{"status":"SUCCESS","result":1}',
        '{"task_id": "x", "status": "FAILURE", "result": "SUCCESS"}',
        "no JSON at all, though it has some length",
      ];
      const ids = texts.map(() => randomUUID());
      for (const [index, id] of ids.entries()) await client.set(`celery-task-meta-${id}`, texts[index] ?? "");
      await backend.put(ids.map(failureOf));
      const states = (await backend.get(ids)).map((meta) => meta?.state);
      expect(states).toEqual(["SUCCESS", "SUCCESS", "FAILURE", "FAILURE"]);
      expect((await backend.get(ids.slice(2, 3)))[0]?.traceback).toBe("Traceback:\nValueError: boom\n");
    }));

  it("take the place of whatever else has their key, so that one odd key stops no batch", () =>
    withBackend(async (backend) => {
      const [odd, fine] = [randomUUID(), randomUUID()];
      await redis.client().lpush(`celery-task-meta-${odd}`, "a list");
      expect(await backend.get([odd])).toEqual([null]);
      await backend.put([recordOf(odd), recordOf(fine)]);
      expect(await backend.get([odd, fine])).toEqual([metaOf(odd), metaOf(fine)]);
    }));

  it("are put again after Redis has forgotten the script", () =>
    withBackend(async (backend) => {
      const [first, second] = [randomUUID(), randomUUID()];
      await backend.put([recordOf(first)]);
      await redis.client().script("FLUSH");
      await backend.put([recordOf(second)]);
      expect(await backend.get([first, second])).toEqual([metaOf(first), metaOf(second)]);
    }));

  it("that are no JSON are an error with a hint, for whoever asks and whoever waits", () =>
    withBackend(async (backend) => {
      const id = randomUUID();
      const waiting = backend.wait(id);
      waiting.catch(() => undefined);
      await waitUntil(async () => (await subscribers(id)) === 1, { what: "a subscription" });
      const client = redis.client();
      await client.set(`celery-task-meta-${id}`, "\x80\x04pickle");
      await client.publish(`celery-task-meta-${id}`, "\x80\x04pickle");
      await expect(waiting).rejects.toMatchObject({ code: "result", hint: expect.stringContaining("json") });
      await expect(backend.get([id])).rejects.toMatchObject({ code: "result" });
    }));

  it("leave no subscription behind when nobody waits any more", () =>
    withBackend(async (backend) => {
      const ids = [randomUUID(), randomUUID()];
      const ending = new AbortController();
      const waiting = ids.map((id) => backend.wait(id, { signal: ending.signal }));
      await waitUntil(async () => (await subscribers(...ids)) === 2, { what: "two subscriptions" });
      ending.abort();
      await Promise.all(waiting);
      await waitUntil(async () => (await subscribers(...ids)) === 0, { what: "no subscription" });
    }));

  it("reach who waits although the connections were cut, and the result came meanwhile", async () => {
    await using proxy = await startProxy(redis);
    const backend = new RedisResults(`redis://127.0.0.1:${proxy.port}/0`, options);
    const id = randomUUID();
    const heard: string[] = [];
    const waiting = backend.wait(id, { onMeta: ({ state }) => heard.push(state) });
    await waitUntil(async () => (await subscribers(id)) === 1, { what: "a subscription" });
    proxy.refuse();
    proxy.cut();
    await waitUntil(async () => (await subscribers(id)) === 0, { what: "the cut" });
    await withBackend((other) => other.put([startedOf(id)]));
    proxy.heal();
    await waitUntil(() => heard.includes("STARTED"), { what: "the state that came meanwhile" });
    await withBackend((other) => other.put([recordOf(id)]));
    expect(await waiting).toEqual(metaOf(id));
    await backend.close();
  });

  it("are looked up now and then, should a channel have told nothing", async () => {
    const clock = new ManualClock(AT);
    await withBackend(
      async (backend) => {
        const [client, id] = [redis.client(), randomUUID()];
        const waiting = backend.wait(id);
        await waitUntil(async () => (await subscribers(id)) === 1, { what: "a subscription" });
        await client.set(`celery-task-meta-${id}`, writeResult(recordOf(id)));
        await waitUntil(
          async () => {
            await clock.advance(5000);
            return Promise.race([waiting, systemClock.sleep(50)]);
          },
          { what: "the result" },
        );
        expect(await waiting).toEqual(metaOf(id));
      },
      { clock },
    );
  });

  it("cannot be kept or asked for while Redis is away, which is said at once and in words", async () => {
    await using proxy = await startProxy(redis);
    const backend = new RedisResults(`redis://user:secret@127.0.0.1:${proxy.port}/0`, options);
    await proxy.close();
    for (const work of [backend.put([recordOf("id")]), backend.get(["id"]), backend.wait("id")]) {
      const error = await work.then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(LovageError);
      const { code, message, hint } = error as LovageError;
      expect({ code, message }).toEqual({
        code: "result",
        message: `cannot reach the result backend redis://user:***@127.0.0.1:${proxy.port}/0: connection refused`,
      });
      expect(hint).toContain("resultBackend");
    }
    await backend.close();
  });

  it("are put again on a new connection after the old one was cut", async () => {
    await using proxy = await startProxy(redis);
    const backend = new RedisResults(`redis://127.0.0.1:${proxy.port}/0`, options);
    const [first, second] = [randomUUID(), randomUUID()];
    await backend.put([recordOf(first)]);
    proxy.dropReplies();
    await expect(backend.put([recordOf(second)])).rejects.toThrow("before it answered");
    proxy.heal();
    await backend.put([recordOf(second)]);
    expect(await backend.get([first, second])).toEqual([metaOf(first), metaOf(second)]);
    await backend.close();
  });
});
