// One Redis, one queue, Python Celery workers and our consumers: each takes what is there, and each gives back what the
// other left behind.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Consumer, Delivery } from "../../src/broker/consumer.ts";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { type CeleryWorker, startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { envelopeOf, type EnvelopeWish, idOf } from "../helper/envelope.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

interface Run {
  readonly id: string;
  readonly args: readonly unknown[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly delivery_info: { readonly redelivered?: boolean | null };
}

const queue = { name: "celery", exchange: "celery", exchangeType: "direct", routingKey: "celery" } as const;

describe.skipIf(!(requireService("redis") && requireService("celery")))("beside Python Celery workers", () => {
  let server: RedisServer;
  let folder: TemporaryFolder;
  let brokers: RedisBroker[];

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.client().flushall();
    folder = temporaryFolder();
    brokers = [];
  });
  afterEach(async () => {
    await Promise.all(brokers.map((broker) => broker.close()));
    await folder[Symbol.asyncDispose]();
  });

  const open = (transport: Record<string, unknown> = {}): RedisBroker => {
    const broker = new RedisBroker(server.url, { emit: () => undefined, transport });
    brokers.push(broker);
    return broker;
  };
  const startPython = (timeoutSeconds: number): Promise<CeleryWorker> =>
    startCeleryWorker({
      brokerUrl: server.url,
      projectDir: fileURLToPath(new URL("../helper/python", import.meta.url)),
      app: "sink",
      env: { OUTPUT: folder.file("runs.jsonl"), VISIBILITY_TIMEOUT: String(timeoutSeconds) },
    });
  const runs = (): readonly Run[] => {
    if (!existsSync(folder.file("runs.jsonl"))) return [];
    const lines = readFileSync(folder.file("runs.jsonl"), "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Run);
  };
  const take = async (
    broker: RedisBroker,
    prefetch: number,
    onDelivery: (delivery: Delivery) => void = () => undefined,
  ): Promise<{ consumer: Consumer; deliveries: readonly Delivery[] }> => {
    const deliveries: Delivery[] = [];
    const consumer = await broker.consume([queue], {
      label: "ours@here",
      prefetch,
      onDelivery: (delivery) => {
        deliveries.push(delivery);
        onDelivery(delivery);
      },
      onUnreadable: () => undefined,
    });
    return { consumer, deliveries };
  };
  const withHeaders = (name: string, headers: Record<string, unknown>, wish?: EnvelopeWish): Envelope => {
    const envelope = envelopeOf(name, wish);
    return { ...envelope, headers: { ...envelope.headers, ...headers } };
  };

  it("a Python worker gives back and runs what one of ours took and never settled", async () => {
    const ours = await take(open(), 1);
    await open().publish([withHeaders("a", { "x-tenant": [[], {}, 9007199254740993n, "☃"] }, { priority: 6 })]);
    await waitUntil(() => ours.deliveries.length === 1, { what: "the message to be in hand" });
    await ours.consumer.pause();
    const client = server.client();
    // As if an hour had passed in which nobody kept hold of it.
    for (const tag of await client.zrange("unacked_index", "0", "-1")) await client.zadd("unacked_index", "1", tag);
    const worker = await startPython(1);
    await waitUntil(() => runs().length === 1, { what: "the run", timeoutMs: 60_000, detail: worker.output });
    await worker.stop();
    expect(runs()[0]).toMatchObject({ id: idOf("a"), args: ["a"], delivery_info: { redelivered: true } });
    expect(readFileSync(folder.file("runs.jsonl"), "utf8")).toContain(
      '"tenant": [[], {}, 9007199254740993, "\\u2603"]',
    );
    expect(await ours.deliveries[0]?.ack()).toBe(false);
    expect(await client.hlen("unacked")).toBe(0);
    expect(worker.output()).not.toContain("Traceback");
  });

  it("a Python worker runs what one of ours gave back, with every byte in its place", async () => {
    const ours = await take(open(), 2);
    await open().publish([withHeaders("a", { "x-tenant": [[], {}, 9007199254740993n] }), envelopeOf("b")]);
    await waitUntil(() => ours.deliveries.length === 2, { what: "the messages to be in hand" });
    await ours.consumer.close();
    const worker = await startPython(3600);
    await waitUntil(() => runs().length === 2, { what: "the runs", timeoutMs: 60_000, detail: worker.output });
    await worker.stop();
    expect(runs().map(({ id }) => id)).toEqual([idOf("a"), idOf("b")]);
    expect(runs()[0]).toMatchObject({ args: ["a"], delivery_info: { redelivered: true } });
    expect(readFileSync(folder.file("runs.jsonl"), "utf8")).toContain('"tenant": [[], {}, 9007199254740993]');
  });

  it("one of ours gives back and gets what a Python worker had when it was killed", async () => {
    const worker = await startPython(3600);
    // A worker holds what is not due yet.
    const eta = new Date(Date.now() + 3_600_000).toISOString();
    await open().publish(["next", "later"].map((name) => withHeaders(name, { eta })));
    const client = server.client();
    await waitUntil(async () => (await client.hlen("unacked")) === 2, {
      what: "the worker to hold both",
      timeoutMs: 30_000,
      detail: worker.output,
    });
    await worker.stop("SIGKILL");
    const ours = await take(open({ visibility_timeout: 0.5 }), 0);
    await waitUntil(() => ours.deliveries.length === 2, { what: "both", timeoutMs: 20_000 });
    expect(ours.deliveries.map(({ envelope }) => envelope.id)).toEqual([idOf("next"), idOf("later")]);
    expect(ours.deliveries.map(({ redelivered, queue }) => [redelivered, queue])).toEqual([
      [true, "celery"],
      [true, "celery"],
    ]);
    expect(await Promise.all(ours.deliveries.map((delivery) => delivery.ack()))).toEqual([true, true]);
    expect(await client.hlen("unacked")).toBe(0);
    expect(await client.zcard("unacked_index")).toBe(0);
  });

  it("a long task in our hands is not given away, however short the visibility timeout", async () => {
    const broker = open({ visibility_timeout: 1 });
    const ours = await take(broker, 1);
    await broker.publish([envelopeOf("long")]);
    await waitUntil(() => ours.deliveries.length === 1, { what: "the message to be in hand" });
    const client = server.client();
    const [tag = ""] = await client.zrange("unacked_index", "0", "-1");
    const takenAt = Number(await client.zscore("unacked_index", tag));
    // By then it would be overdue, had nobody kept hold of it.
    await waitUntil(async () => Number(await client.zscore("unacked_index", tag)) > takenAt + 1.5, {
      what: "the message to be held for longer than the timeout",
    });
    const worker = await startPython(1);
    // It looks for what is overdue at its start, and runs the second only after that.
    await broker.publish([envelopeOf("second")]);
    await waitUntil(() => runs().length === 1, { what: "the run", timeoutMs: 60_000, detail: worker.output });
    await worker.stop();
    expect(runs().map(({ id }) => id)).toEqual([idOf("second")]);
    expect(await ours.deliveries[0]?.ack()).toBe(true);
  });

  it("both share a queue, and each message goes to one of them", async () => {
    const worker = await startPython(3600);
    const broker = open();
    const ours = await take(broker, 4, (delivery) => void setTimeout(() => void delivery.ack(), 5));
    const names = Array.from({ length: 600 }, (_, index) => `${index}`);
    for (let start = 0; start < names.length; start += 50) {
      await broker.publish(names.slice(start, start + 50).map((name) => envelopeOf(name, { priority: start % 4 })));
    }
    await waitUntil(() => runs().length + ours.deliveries.length >= names.length, {
      what: "all messages",
      timeoutMs: 60_000,
      detail: worker.output,
    });
    await worker.stop();
    await ours.consumer.close();
    const ids = [...runs().map(({ id }) => id), ...ours.deliveries.map(({ envelope }) => envelope.id)];
    expect(ids.toSorted()).toEqual(names.map(idOf).toSorted());
    expect(runs().length).toBeGreaterThan(0);
    expect(ours.deliveries.length).toBeGreaterThan(0);
    expect(await broker.depth("celery")).toBe(0);
    expect(await server.client().hlen("unacked")).toBe(0);
  });
});
