// What our Redis broker writes, an unmodified Python Celery worker runs.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBroker } from "../../src/broker/redis/redis-broker.ts";
import { leaseOf } from "../contract/lease-contract.ts";
import { type CeleryWorker, startCeleryWorker } from "../helper/celery-worker.ts";
import { requireService } from "../helper/debian.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

interface Run {
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly correlation_id: string;
  readonly delivery_info: { readonly routing_key: string; readonly priority: number };
}

describe.skipIf(!(requireService("redis") && requireService("celery")))("a Python Celery worker", () => {
  let server: RedisServer;
  let worker: CeleryWorker;
  let folder: TemporaryFolder;
  let broker: RedisBroker;

  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startRedis();
    broker = new RedisBroker(server.url, { emit: () => undefined, transport: {} });
    worker = await start();
  });
  afterAll(async () => {
    await worker.stop();
    await broker.close();
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  const start = (): Promise<CeleryWorker> =>
    startCeleryWorker({
      brokerUrl: server.url,
      projectDir: fileURLToPath(new URL("../helper/python", import.meta.url)),
      app: "sink",
      queues: ["celery", "queue2", "naïve ☃"],
      env: { OUTPUT: folder.file("runs.jsonl") },
    });
  const runs = (): readonly Run[] => {
    if (!existsSync(folder.file("runs.jsonl"))) return [];
    const lines = readFileSync(folder.file("runs.jsonl"), "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Run);
  };
  const runsOf = async (names: readonly string[]): Promise<readonly Run[]> => {
    const ids = new Set(names.map(idOf));
    const found = (): readonly Run[] => runs().filter((run) => ids.has(run.id));
    await waitUntil(() => found().length >= names.length, {
      what: `${names.length} runs`,
      timeoutMs: 60_000,
      detail: worker.output,
    });
    return found();
  };

  it("runs what was published with its arguments", async () => {
    await broker.publish([
      envelopeOf("a", { task: "sink.add", args: [5, 10] }),
      envelopeOf("b", { args: ["zażółć ☃", null] }),
    ]);
    const [added, echoed] = await runsOf(["a", "b"]);
    expect(added).toMatchObject({ task: "sink.add", args: [5, 10], correlation_id: idOf("a") });
    expect(echoed).toMatchObject({ task: "sink.echo", args: ["zażółć ☃", null] });
    expect(worker.output()).not.toContain("Traceback");
  });

  it("consumes from any queue and any priority", async () => {
    const queues = ["queue2", "naïve ☃"];
    const batch = queues.flatMap((queue) =>
      [0, 5, 9].map((priority) => envelopeOf(`${queue} ${priority}`, { queue, priority })),
    );
    await broker.publish(batch);
    const found = await runsOf(queues.flatMap((queue) => [0, 5, 9].map((priority) => `${queue} ${priority}`)));
    expect(found.map(({ delivery_info }) => delivery_info.routing_key).sort()).toEqual([
      "naïve ☃",
      "naïve ☃",
      "naïve ☃",
      "queue2",
      "queue2",
      "queue2",
    ]);
    expect(found.map(({ delivery_info }) => `priority ${delivery_info.priority}`).sort()).toEqual(
      [0, 0, 5, 5, 9, 9].map((priority) => `priority ${priority}`),
    );
  });

  it("runs a guarded batch once and in order, however often it is published", async () => {
    const { term } = leaseOf(await broker.leases.acquire("app", { id: "one", label: "one" }, 60_000));
    const names = Array.from({ length: 300 }, (_, index) => `guarded ${index}`);
    const guard = { scope: "app", term, marks: names.map((entry) => ({ entry, dueAt: 1000 })) };
    const batch = names.map((name) => envelopeOf(name));
    for (let round = 0; round < 3; round += 1) await broker.publish(batch, guard);
    // The last of the queue: when it has run, so has all that came before.
    await broker.publish([envelopeOf("last")]);
    await runsOf(["last"]);
    const found = await runsOf(names);
    expect(found.map((run) => run.id)).toEqual(names.map(idOf));
  });

  it("finds, through its own binding, a queue that only an exchange names", async () => {
    // A worker binds each of its queues to the exchange of the same name.
    const destination = { exchange: "queue2", exchangeType: "direct", routingKey: "queue2" } as const;
    await broker.publish([envelopeOf("through exchange", { destination })]);
    expect(await runsOf(["through exchange"])).toHaveLength(1);
  });

  it("gets what waited while it was down", async () => {
    await worker.stop();
    await broker.publish([envelopeOf("waiting")]);
    expect(await broker.depth("celery")).toBe(1);
    worker = await start();
    await runsOf(["waiting"]);
    expect(await broker.depth("celery")).toBe(0);
  });
});
