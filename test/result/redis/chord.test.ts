// Chords on Redis in the very keys and texts of Celery's own workers, which count with us.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { ChordPart } from "../../../src/result/chord.ts";
import { RedisResults } from "../../../src/result/redis/redis-results.ts";
import { requireService } from "../../helper/debian.ts";
import { type RedisServer, startRedis } from "../../helper/redis.ts";

const options = { clock: systemClock, emit: () => undefined, transportOptions: {}, expiresMs: 3_600_000 };

describe.skipIf(!requireService("redis"))("chords on Redis", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  async function withBackend(
    work: (backend: RedisResults, key: string, part: (index: number) => ChordPart) => Promise<void>,
    transportOptions: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const backend = new RedisResults(redis.url, { ...options, transportOptions });
    const groupId = randomUUID();
    const part = (index: number): ChordPart => {
      return { groupId, groupIndex: index, taskId: `task ${index}`, state: "SUCCESS", resultText: String(index) };
    };
    try {
      await work(backend, `celery-taskset-meta-${groupId}`, part);
    } finally {
      await backend.close();
    }
  }

  const idOf = (key: string): string => key.slice("celery-taskset-meta-".length);

  it("are counted as Celery counts them, and are gone when they are closed", () =>
    withBackend(async (backend, key, part) => {
      const client = redis.client();
      await backend.chords.open([{ groupId: idOf(key), size: 2, tree: null }]);
      expect(await client.get(`${key}.s`)).toBe("2");
      await backend.chords.join(part(1));
      expect(await client.zrange(`${key}.j`, "0", "-1", "WITHSCORES")).toEqual(['[1, "task 1", "SUCCESS", 1]', "1"]);
      expect(await client.ttl(`${key}.j`)).toBeGreaterThan(3590);
      expect(await client.ttl(`${key}.s`)).toBeGreaterThan(3590);
      await client.zadd(`${key}.j`, 0, '[1, "another", "SUCCESS", {"__type__": "bytes", "__value__": "a"}]');
      const complete = await backend.chords.join(part(1));
      expect(complete?.parts.map(({ result }) => result)).toEqual([new Uint8Array([97]), 1]);
      await backend.chords.close(idOf(key));
      expect(await client.keys(`${key}*`)).toEqual([]);
    }));

  it("wait for the parts that a task has added while it ran", () =>
    withBackend(async (backend, key, part) => {
      await backend.chords.open([{ groupId: idOf(key), size: 1, tree: null }]);
      await redis.client().incr(`${key}.t`);
      expect(await backend.chords.join(part(0))).toBeNull();
      const complete = await backend.chords.join({ ...part(0), taskId: "added" });
      expect(complete?.parts.map(({ taskId }) => taskId)).toEqual(["added", "task 0"]);
    }));

  it("keep the ids of a header as Celery does, and trust them more than a size that was written over", () =>
    withBackend(async (backend, key, part) => {
      const leaf = (id: string) => [[id, null], null] as const;
      const tree = [
        [idOf(key), null],
        [
          [
            ["inner", null],
            [leaf("task 0"), leaf("task 1")],
          ],
          leaf("task 2"),
        ],
      ] as const;
      await backend.chords.open([{ groupId: idOf(key), size: 3, tree }]);
      const client = redis.client();
      expect(JSON.parse((await client.get(key)) ?? "")).toEqual({ result: tree });
      await client.set(`${key}.s`, 2);
      expect(await backend.chords.join(part(0))).toBeNull();
      expect(await backend.chords.join(part(1))).toBeNull();
      expect(await client.get(`${key}.s`)).toBe("3");
      expect(await backend.chords.join(part(2))).toMatchObject({ tree });
    }));

  it("count in lists where result_chord_ordered is off, as Celery does", () =>
    withBackend(
      async (backend, key, part) => {
        await backend.chords.open([{ groupId: idOf(key), size: 2, tree: null }]);
        await backend.chords.join({ ...part(0), state: "FAILURE", resultText: "null" });
        await backend.chords.join(part(0));
        expect(await redis.client().lrange(`${key}.j`, 0, -1)).toEqual(['[1, "task 0", "SUCCESS", 0]']);
        expect((await backend.chords.join(part(1)))?.parts).toHaveLength(2);
      },
      { result_chord_ordered: false },
    ));

  it("put the prefix before their keys", () =>
    withBackend(
      async (backend, key, part) => {
        await backend.chords.join(part(0));
        expect(await redis.client().keys(`*${key}*`)).toEqual([`mine_${key}.j`]);
      },
      { global_keyprefix: "mine" },
    ));
});
