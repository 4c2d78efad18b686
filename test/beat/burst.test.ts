import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import type { Occurrence } from "../../src/beat/occurrence.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import type { Entry } from "../../src/schedule/entry.ts";
import { entryOf, envelopeOf, type Stage, stage, startAt } from "../helper/beat-stage.ts";
import { requireService } from "../helper/debian.ts";
import { startLateRoad } from "../helper/late-road.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { waitUntil } from "../helper/wait.ts";

const count = 1200;
const names = Array.from({ length: count }, (_, index) => `e${index}`);
const entriesOf = (change: (index: number) => Partial<Entry> = () => ({})): readonly Entry[] =>
  names.map((name, index) => entryOf({ name, missed: "all", ...change(index) }));

describe.skipIf(!requireService("redis"))("a burst of 1,200 on the same second, made ahead", () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = server.client();
  });
  beforeEach(async () => {
    await client.flushall();
  });
  afterAll(() => server.stop());

  interface Wish {
    readonly port?: number;
    /** `name:password@` */
    readonly login?: string;
    readonly queueOf?: (entry: string) => string;
  }
  const begin = async (
    entries = entriesOf(),
    { port = server.port, login = "", queueOf = () => "celery" }: Wish = {},
  ) => {
    const broker = new RedisBroker(`redis://${login}127.0.0.1:${port}/0`, { emit: () => undefined, transport: {} });
    const clock = new ManualClock(startAt);
    const createEnvelope = (occurrence: Occurrence): Envelope => {
      const envelope = envelopeOf(occurrence);
      const queue = queueOf(occurrence.entry.name);
      return { ...envelope, destination: { ...envelope.destination, routingKey: queue, queue } };
    };
    const on = await stage({ entries, clock, through: broker, more: { createEnvelope } });
    await waitUntil(() => on.steering.status().leads, { what: "beat to lead" });
    const end = async (): Promise<void> => {
      const stopped = on.beat.stop();
      await goOn(on, 0, () => stopped.then(() => true));
      await broker.close();
    };
    return { ...on, broker, [Symbol.asyncDispose]: end };
  };
  /** So that between two turns of the clock there is time for what is made ahead, and for Redis. */
  const pass = async ({ clock }: Pick<Stage, "clock">, ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 250) await clock.advance(Math.min(left, 250));
  };
  /** By so many milliseconds a turn, until it is so. */
  const goOn = async ({ clock }: Pick<Stage, "clock">, ms: number, isSo: () => Promise<boolean>): Promise<void> => {
    const over = new AbortController();
    const waiting = waitUntil(isSo, { what: "the burst to be over" }).finally(() => over.abort());
    waiting.catch(() => undefined);
    while (!over.signal.aborted) await clock.advance(ms);
    await waiting;
  };
  /** Each as "name seconds", in order of names. */
  const sent = async (queue = "celery"): Promise<readonly string[]> => {
    const texts = await client.lrange(queue, 0, -1);
    return texts
      .map((text) => decodeMessage(text).envelope.headers)
      .map(({ entry, dueAt }) => `${String(entry)} ${(Number(dueAt) - startAt) / 1000}`)
      .toSorted();
  };
  const due = (of: readonly string[], ...seconds: readonly number[]): readonly string[] =>
    of.flatMap((name) => seconds.map((second) => `${name} ${second}`)).toSorted();
  const depthIs = (size: number) => async (): Promise<boolean> => (await client.llen("celery")) >= size;

  it("is sent once each, as transactions, and so is the next", async () => {
    await using on = await begin();
    await pass(on, 10_000);
    await goOn(on, 0, depthIs(count));
    expect(await client.exists("lovage:test:journal")).toBe(1);
    await pass(on, 10_000);
    await goOn(on, 0, depthIs(2 * count));
    expect(await sent()).toEqual(due(names, 10, 20));
  });

  it("goes as it is on the minute, not as it was made: changed, paused, removed, added, or with a run by hand", async () => {
    await using on = await begin();
    await pass(on, 9_000);
    await on.steering.pause({ entries: ["e0"], by: "test", reason: null });
    const run = on.steering.run({ entry: "e1", by: "test", reason: null });
    const changed = entriesOf((index) => (index === 4 ? { args: [4] } : {})).filter(({ name }) => name !== "e3");
    const reloading = on.beat.reload([...changed, entryOf({ name: "new", seconds: 1 })]);
    await goOn(on, 0, () => Promise.all([run, reloading]).then(() => true));
    await pass(on, 1_000);
    await goOn(on, 0, depthIs(count));
    const left = names.filter((name) => !["e0", "e3"].includes(name));
    expect(await sent()).toEqual([...due(left, 10), "e1 9", "new 10"].toSorted());
    const texts = await client.lrange("celery", 0, -1);
    const fourth = texts.map((text) => decodeMessage(text).envelope).find(({ headers }) => headers["entry"] === "e4");
    expect(fourth?.body).toContain("[[4],");
    await on.steering.resume({ entries: ["e0"], by: "test", catchUp: true });
    await goOn(on, 0, depthIs(count + 1));
    expect(await sent()).toContain("e0 10");
  });

  it("goes by the policy of each when the clock is set over it", async () => {
    await using on = await begin(entriesOf((index) => ({ missed: index < 600 ? "all" : "skip" })));
    await pass(on, 9_000);
    on.clock.jump(20_000);
    await pass(on, 2_000);
    // It is noticed shortly before the time that was waited for, by then another one is due soon, and is not missed.
    await goOn(on, 0, depthIs(600 * 3 + 600));
    await pass(on, 9_000);
    await goOn(on, 0, depthIs(600 * 3 + 600 + count));
    expect(await sent()).toEqual(
      [...due(names.slice(0, 600), 10, 20, 30, 40), ...due(names.slice(600), 30, 40)].toSorted(),
    );
  });

  it("is sent once when the clock is set back over it, before and after", async () => {
    await using on = await begin();
    await pass(on, 9_000);
    on.clock.jump(-3_000);
    await pass(on, 4_000);
    await goOn(on, 0, depthIs(count));
    on.clock.jump(-3_000);
    await pass(on, 4_000);
    expect(await sent()).toEqual(due(names, 10));
  });

  it("ends entries at max_runs", async () => {
    await using on = await begin(entriesOf((index) => (index < 700 ? { maxRuns: 1 } : {})));
    await pass(on, 10_000);
    await goOn(on, 0, depthIs(count));
    await pass(on, 10_000);
    await goOn(on, 0, depthIs(count + 500));
    expect(await sent()).toEqual([...due(names, 10), ...due(names.slice(700), 20)].toSorted());
  });

  it.each([
    ["whose queue holds something else", ""],
    ["whose queue this user may not write", "limited:secret@"],
  ])("goes on without the one %s, and sends none of the others twice", async (_, login) => {
    const keys = ["~lovage:*", "~_kombu.binding.*", "~celery*", "&*"];
    await client.call("ACL", "SETUSER", "limited", "reset", "on", ">secret", "+@all", ...keys);
    if (login === "") await client.set("taken", "x");
    await using on = await begin(entriesOf(), { login, queueOf: (name) => (name === "e1100" ? "taken" : "celery") });
    await pass(on, 10_000);
    await goOn(on, 0, async () => on.eventsOf("occurrences-missed").length > 0);
    const others = names.filter((name) => name !== "e1100");
    expect(await sent()).toEqual(due(others, 10));
    expect(on.eventsOf("occurrences-missed")).toMatchObject([{ entry: "e1100", cause: "refused" }]);
  });

  it("is sent once when it was cut off on its way and arrives after all", async () => {
    await using road = await startLateRoad(server);
    await using on = await begin(entriesOf(), { port: road.port });
    await pass(on, 10_000);
    await goOn(on, 0, depthIs(count));
    await pass(on, 9_900);
    const lane = road.newest();
    lane.hold();
    await pass(on, 100);
    await waitUntil(() => lane.heldBytes() > 0, { what: "the burst to be on its way" });
    lane.cut();
    await goOn(on, 50, depthIs(2 * count));
    await lane.arrive();
    const all = await sent();
    expect(all.filter((one) => !one.endsWith(" 10"))).toEqual(expect.arrayContaining([...due(names, 20)]));
    expect(new Set(all).size).toBe(all.length);
  });

  it("that another has begun is gone on with by the next, each of it once", async () => {
    await using first = await begin();
    await pass(first, 10_000);
    await waitUntil(depthIs(500), { what: "some of it", everyMs: 1 });
    await client.del("lovage:test:lease");
    await using second = await begin();
    await pass(second, 10_000);
    await goOn(second, 0, depthIs(count));
    await goOn(first, 100, async () => !first.steering.status().leads);
    const all = await sent();
    expect(all.filter((one) => one.endsWith(" 10"))).toEqual(due(names, 10));
  });
});
