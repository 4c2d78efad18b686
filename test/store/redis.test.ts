import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LovageEvent } from "../../src/event.ts";
import { FORGOTTEN_HISTORY_MS } from "../../src/store/changes.ts";
import { openStore, openStoreReadOnly } from "../../src/store/open.ts";
import type { EntryState, Run, Store } from "../../src/store/store.ts";
import { HISTORY, storeContract } from "../contract/store-contract.ts";
import { requireService } from "../helper/debian.ts";
import { freePort } from "../helper/port.ts";
import { startProxy } from "../helper/proxy.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { AT, runOf, stateOf } from "./sample.ts";

describe.skipIf(!requireService("redis"))("RedisStore", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const open = (scope: string = randomUUID(), more: object = {}): Promise<Store> =>
    openStore(server.url, { scope, ...more });
  const ttlOf = (scope: string, entry: string): Promise<number> =>
    server.client().pttl(`lovage:${scope}:history:${entry}`);

  storeContract("RedisStore", () => open(undefined, { history: HISTORY }));

  describe("shared by several beats", () => {
    it("shows each what the others wrote, and has an id of its own for each", async () => {
      const scope = randomUUID();
      await using left = await opened(scope);
      await using right = await opened(scope);
      await left.store.record({ term: 1, states: [stateOf("a", { runs: 3 })], runs: [runOf("a")] });
      const seen = await right.store.load();
      expect([seen.entries.get("a")?.runs, await right.store.history("a", 9)]).toEqual([3, [runOf("a")]]);
      expect(seen.id).not.toBe((await left.store.load()).id);
      expect([left.store.isShared, left.store.location]).toEqual([true, server.url]);
    });

    it("keeps scopes apart", async () => {
      const scope = randomUUID();
      await using left = await opened(scope);
      await using right = await opened(`${scope}-2`);
      await left.store.record({ states: [stateOf("a")], runs: [runOf("a")] });
      expect([(await right.store.load()).entries.size, await right.store.history("a", 9)]).toEqual([0, []]);
    });

    it("refuses a change of an older term than it has seen, and applies nothing of it", async () => {
      const scope = randomUUID();
      await using deposed = await opened(scope);
      await using leader = await opened(scope);
      await deposed.store.record({ term: 1_795_262_832_382, states: [stateOf("a", { runs: 1 })] });
      await leader.store.record({ term: 1_795_262_832_383, states: [stateOf("a", { runs: 2 })] });
      const late = deposed.store.record({
        term: 1_795_262_832_382,
        states: [stateOf("a", { runs: 9 }), stateOf("b")],
        runs: [runOf("a")],
        forget: ["a"],
      });
      await expect(late).rejects.toMatchObject({
        code: "stale-term",
        message: `the beat-record ${server.url} was written under term 1795262832383; term 1795262832382 is over`,
        hint: expect.stringContaining(`DEL lovage:${scope}:record-meta`),
      });
      const { entries } = await leader.store.load();
      expect([entries.size, entries.get("a")?.runs, await leader.store.history("a", 9)]).toEqual([1, 2, []]);
      await leader.store.record({ term: 1_795_262_832_383, states: [stateOf("a", { runs: 3 })] });
    });

    it("shuts out whoever led before as soon as a term is told to it, without any change", async () => {
      const scope = randomUUID();
      await using deposed = await opened(scope);
      await using leader = await opened(scope);
      await leader.store.record({ term: 8 });
      await expect(deposed.store.record({ term: 7, states: [stateOf("a")] })).rejects.toMatchObject({
        code: "stale-term",
      });
      await deposed.store.record({ term: 0, states: [stateOf("b")] });
      expect([...(await leader.store.load()).entries.keys()]).toEqual(["b"]);
    });
  });

  describe("when its Redis fails", () => {
    it("opens without a server, says that it cannot be reached, and works when the server is there", async () => {
      const port = await freePort();
      const store = await openStore(`redis://127.0.0.1:${port}/0`, { scope: "app" });
      for (const attempt of [store.load(), store.record({ states: [stateOf("a")] }), store.history("a", 1)]) {
        await expect(attempt).rejects.toMatchObject({
          code: "store",
          message: `cannot reach the beat-record redis://127.0.0.1:${port}/0: connection refused`,
          hint: "start redis-server there, or name another beat-record with -s",
        });
      }
      await using late = await startRedis({ port });
      await store.record({ states: [stateOf("a")] });
      expect((await store.load()).entries.size).toBe(1);
      await store.close();
      expect(late.port).toBe(port);
    });

    it("doubles no run and loses none when the answer is lost and the change comes again with more", async () => {
      const scope = randomUUID();
      await using proxy = await startProxy(server);
      const store = await openStore(`redis://127.0.0.1:${proxy.port}/0`, { scope, history: 3 });
      const runs = [1, 2, 3, 4, 5].map((minute) => runOf("a", { dueAt: AT + minute }));
      const states = [stateOf("a", { runs: 5 })];
      await store.record({ runs: runs.slice(0, 1) });
      proxy.dropReplies();
      await expect(store.record({ runs: runs.slice(1, 4), states })).rejects.toMatchObject({
        code: "store",
        hint: "whether it was written is not known; it is written again",
      });
      proxy.heal();
      await using other = await opened(scope);
      expect(await dueAts(other.store, "a")).toEqual([4, 3, 2]);
      await store.record({ runs: [...runs.slice(1, 4), ...runs.slice(4)], states });
      expect(await dueAts(store, "a")).toEqual([5, 4, 3]);
      await store.record({ runs: runs.slice(4) });
      expect(await dueAts(store, "a")).toEqual([5, 5, 4]);
      await store.close();
    });

    it("is whole again when a large change that broke off in the middle comes again", async () => {
      const scope = randomUUID();
      await using proxy = await startProxy(server);
      const store = await openStore(`redis://127.0.0.1:${proxy.port}/0`, { scope });
      const names = Array.from({ length: 20_000 }, (_, index) => `entry-${index}`);
      const change = {
        term: 5,
        states: names.map((name) => stateOf(name, { runs: 1 })),
        runs: names.map((name) => runOf(name)),
      };
      await store.load();
      const broken = store.record(change);
      while ((await server.client().hlen(`lovage:${scope}:record`)) < 2_000) await new Promise(setImmediate);
      proxy.cut();
      await expect(broken).rejects.toMatchObject({ code: "store" });
      const { size } = (await store.load()).entries;
      expect(size).toBeGreaterThanOrEqual(2_000);
      expect(size).toBeLessThan(20_000);
      await store.record(change);
      expect((await store.load()).entries.size).toBe(20_000);
      for (const name of ["entry-0", "entry-1999", "entry-19999"]) {
        expect(await store.history(name, 9)).toEqual([runOf(name)]);
      }
      await store.close();
    }, 30_000);

    it("takes changes in order, however many are asked for at once", async () => {
      await using one = await opened(randomUUID());
      const counts = Array.from({ length: 50 }, (_, index) => index);
      await Promise.all(counts.map((runs) => one.store.record({ states: [stateOf("a", { runs })] })));
      expect((await one.store.load()).entries.get("a")?.runs).toBe(49);
    });
  });

  describe("on the server", () => {
    it("is JSON under the keys that the manual names, with the prefix of the broker", async () => {
      const scope = randomUUID();
      const store = await open(scope, { transportOptions: { global_keyprefix: "x-" } });
      await store.record({ term: 7, states: [stateOf("a")], runs: [runOf("a")] });
      await store.close();
      const client = server.client();
      expect(JSON.parse((await client.hget(`x-lovage:${scope}:record`, "a")) ?? "")).toEqual(stateOf("a"));
      expect(await client.hgetall(`x-lovage:${scope}:record-meta`)).toEqual({ term: "7" });
      const { entry: _, ...run } = runOf("a");
      const lines = await client.lrange(`x-lovage:${scope}:history:a`, 0, -1);
      expect(lines.map((line) => JSON.parse(line) as Run)).toEqual([run]);
    });

    it("lets the history of an entry go 90 days after the entry went, unless it came back", async () => {
      const scope = randomUUID();
      await using one = await opened(scope);
      const names = ["gone", "back", "stays"];
      await one.store.record({ states: names.map((name) => stateOf(name)), runs: names.map((name) => runOf(name)) });
      await one.store.record({ forget: ["gone", "back", "never-known"] });
      await one.store.record({ states: [stateOf("back")], runs: [runOf("gone"), runOf("late")] });
      const [gone, late] = [await ttlOf(scope, "gone"), await ttlOf(scope, "late")];
      expect(Math.min(gone, late)).toBeGreaterThan(FORGOTTEN_HISTORY_MS - 60_000);
      expect(Math.max(gone, late)).toBeLessThanOrEqual(FORGOTTEN_HISTORY_MS);
      expect([await ttlOf(scope, "back"), await ttlOf(scope, "stays")]).toEqual([-1, -1]);
    });

    it("keeps fewer runs of each where there are many entries, for they are in memory", async () => {
      await using one = await opened(randomUUID());
      const names = Array.from({ length: 4_000 }, (_, index) => `entry-${index}`);
      await one.store.record({ states: names.map((name) => stateOf(name)) });
      await one.store.record({
        runs: Array.from({ length: 100 }, (_, index) => runOf("entry-1", { dueAt: AT + index })),
      });
      expect((await dueAts(one.store, "entry-1")).slice(0, 2)).toEqual([99, 98]);
      expect(await one.store.history("entry-1", 1_000)).toHaveLength(25);
    });

    it("reads what an older version wrote, and reports what cannot be read", async () => {
      const scope = randomUUID();
      const events: LovageEvent[] = [];
      const store = await open(scope, { emit: (event: LovageEvent) => events.push(event) });
      const { name: _, skipped: __, ...older } = stateOf("a", { missed: 4 });
      const rubbish = { broken: "{", text: '"text"', empty: "{}", times: JSON.stringify({ ...older, anchorAt: null }) };
      await server.client().hset(`lovage:${scope}:record`, { a: JSON.stringify(older), ...rubbish });
      await server.client().lpush(`lovage:${scope}:history:a`, "{", "7");
      expect((await store.load()).entries).toEqual(new Map([["a", stateOf("a", { missed: 4 })]]));
      expect(await store.history("a", 9)).toEqual([]);
      expect(events).toEqual([
        {
          type: "failure",
          where: `the beat-record ${server.url}`,
          reason: expect.stringMatching(/^4 states, such as that of entry "\w+" in lovage:.*:record cannot be read/),
        },
      ]);
      await store.close();
    });

    it("says which key is in the way, and has written nothing", async () => {
      const scope = randomUUID();
      await using one = await opened(scope);
      await server.client().set(`lovage:${scope}:record`, "mine");
      await expect(one.store.record({ term: 3, states: [stateOf("a")] })).rejects.toMatchObject({
        message: expect.stringContaining(`lovage:${scope}:record`),
        hint: expect.stringContaining("DEL"),
      });
      expect(await server.client().exists(`lovage:${scope}:record-meta`)).toBe(0);
    });

    it("takes names of every kind", async () => {
      const names = ["__proto__", "constructor", "", "ä ☀ 'x'", "a:b", "forget", "0", "x\n\0y"];
      await using one = await opened(randomUUID());
      const states: EntryState[] = names.map((name) => stateOf(name, { lastTaskId: name }));
      await one.store.record({ states, runs: names.map((name) => runOf(name, { reason: name })) });
      expect(new Map((await one.store.load()).entries)).toEqual(new Map(states.map((state) => [state.name, state])));
      for (const name of names) expect(await one.store.history(name, 9)).toEqual([runOf(name, { reason: name })]);
    });
  });

  it("is read by commands without being written", async () => {
    const scope = randomUUID();
    await using one = await opened(scope);
    await one.store.record({ states: [stateOf("a")], runs: [runOf("a")] });
    const reader = await openStoreReadOnly(server.url, { scope });
    expect([(await reader.load()).entries.size, await reader.history("a", 9)]).toEqual([1, [runOf("a")]]);
    await expect(reader.record({ states: [stateOf("b")] })).rejects.toThrow(/was opened for reading only$/);
    await reader.close();
  });

  const opened = async (scope: string): Promise<AsyncDisposable & { readonly store: Store }> => {
    const store = await open(scope);
    return { store, [Symbol.asyncDispose]: () => store.close() };
  };

  const dueAts = async (store: Store, entry: string): Promise<readonly number[]> =>
    (await store.history(entry, 1_000)).map((run) => run.dueAt - AT);
});
