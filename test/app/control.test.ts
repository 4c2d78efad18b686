import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { Control } from "../../src/app/control.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openBroker } from "../../src/broker/open.ts";
import { readCommand } from "../../src/protocol/control.ts";
import { requireService } from "../helper/debian.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { type RedisServer, startRedis } from "../helper/redis.ts";
import { type RemoteStage, startRemoteStage } from "../helper/remote-stage.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { waitUntil } from "../helper/wait.ts";

let redis: RedisServer | undefined;

beforeAll(async () => {
  if (requireService("redis")) redis = await startRedis();
});

afterAll(() => redis?.stop());

interface Circle extends AsyncDisposable {
  readonly control: Control;
  readonly workers: readonly RemoteStage[];
  readonly client: Broker;
}

/** Workers with their own connections, and a client with another. */
async function startCircle(url: string, hostnames: readonly string[]): Promise<Circle> {
  const brokers: Broker[] = [];
  const workers: RemoteStage[] = [];
  const open = async (): Promise<Broker> => {
    const broker = await openBroker(url);
    brokers.push(broker);
    return broker;
  };
  for (const hostname of hostnames) workers.push(await startRemoteStage(await open(), { hostname }));
  const client = await open();
  const { conf } = new App("client");
  const stop = async (): Promise<void> => {
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    for (const broker of brokers) await broker.close();
  };
  return { control: new Control({ broker: async () => client, conf }), workers, client, [Symbol.asyncDispose]: stop };
}

const folder = temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const places = [
  { name: "memory", url: () => `memory://${randomUUID()}`, isThere: true },
  { name: "SQLite", url: () => `sqlite:///${folder.file("broker.sqlite")}`, isThere: true },
  { name: "Redis", url: () => redis?.url ?? "", isThere: requireService("redis") },
];

for (const { name, url, isThere } of places) {
  describe.skipIf(!isThere)(`the client of remote control over ${name}`, () => {
    it("asks all workers, and has their answers by name", async () => {
      await using circle = await startCircle(url(), ["w1@h", "w2@h"]);
      const inspect = circle.control.inspect({ limit: 2, timeout: 10 });
      expect(await inspect.ping()).toEqual({ "w1@h": { ok: "pong" }, "w2@h": { ok: "pong" } });
      expect(Object.keys(await inspect.stats()).sort()).toEqual(["w1@h", "w2@h"]);
      expect(await inspect.active()).toMatchObject({ "w2@h": [{ id: idOf("running"), args: [2, { deep: "ž" }] }] });
    });

    it("steers the ones it names, and waits for no more answers than they can give", async () => {
      await using circle = await startCircle(url(), ["w1@h", "w2@h"]);
      const startedAt = performance.now();
      const replies = await circle.control.rateLimit("proj.add", "10/m", {
        destination: ["w2@h"],
        reply: true,
        timeout: 20,
      });
      expect(replies).toEqual([{ "w2@h": { ok: "new rate limit set successfully" } }]);
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      expect(circle.workers.map(({ told }) => told)).toEqual([[], ["setRateLimit proj.add 10/m"]]);
    });

    it("without reply waits for nothing, and is obeyed", async () => {
      await using circle = await startCircle(url(), ["w1@h"]);
      expect(await circle.control.shutdown()).toEqual([]);
      const [worker] = circle.workers;
      await waitUntil(() => worker?.told.length === 1, { what: "the shutdown to be heard" });
      expect(worker?.told).toEqual(["shutdown Got shutdown from remote"]);
    });

    it("throws away what waits in the queues", async () => {
      await using circle = await startCircle(url(), []);
      await circle.client.publish([envelopeOf("a"), envelopeOf("b"), envelopeOf("c", { queue: "other" })]);
      expect(await circle.control.purge()).toBe(2);
      expect(await circle.control.discardAll(["other", "celery"])).toBe(1);
    });
  });
}

describe("the client of remote control", () => {
  it("takes no answer for silence: the answers are none", async () => {
    await using circle = await startCircle(`memory://${randomUUID()}`, []);
    expect(await circle.control.ping({ timeout: 0.02 })).toEqual([]);
    expect(await circle.control.inspect({ timeout: 0.02 }).active()).toEqual({});
  });

  it("tells of each answer as it comes", async () => {
    await using circle = await startCircle(`memory://${randomUUID()}`, ["w1@h", "w2@h"]);
    const heard: unknown[] = [];
    const replies = await circle.control.ping({ limit: 2, timeout: 5, onReply: (reply) => void heard.push(reply) });
    expect(heard).toEqual(replies);
    expect(heard.length).toBe(2);
  });

  it("does not take the answers to one question for those to another", async () => {
    await using circle = await startCircle(`memory://${randomUUID()}`, ["w1@h"]);
    const inspect = circle.control.inspect({ limit: 1, timeout: 5 });
    const [ping, clock, revoked] = await Promise.all([inspect.ping(), inspect.clock(), inspect.revoked()]);
    expect(ping).toEqual({ "w1@h": { ok: "pong" } });
    expect(clock["w1@h"]).toHaveProperty("clock");
    expect(revoked).toEqual({ "w1@h": [] });
  });

  it("sends what Celery's own client sends for each command", async () => {
    await using circle = await startCircle(`memory://${randomUUID()}`, []);
    const sent: unknown[] = [];
    const others: unknown[] = [];
    const startedAt = Date.now();
    await circle.client.listen("celery.pidbox", (envelope) => {
      const command = readCommand(envelope);
      sent.push([command.method, command.arguments]);
      others.push([command.reply, Number(command.expiresAt) > startedAt]);
    });
    const { control } = circle;
    await control.revoke("a");
    await control.terminate(["a", "b"], { signal: "SIGKILL" });
    await control.timeLimit("proj.add", { soft: 5, hard: 10 });
    await control.addConsumer("q");
    await control.addConsumer("q", { exchange: "x", exchangeType: "topic", routingKey: "a.#" });
    await control.cancelConsumer("q");
    await control.poolGrow();
    await control.poolShrink(2);
    await control.poolRestart();
    await control.autoscale(10, 2);
    await control.enableEvents();
    await control.disableEvents();
    await control.heartbeat();
    await waitUntil(() => sent.length === 13, { what: "all commands to be heard" });
    expect(new Set(others.map(String))).toEqual(new Set([",true"]));
    expect(sent).toEqual([
      ["revoke", { task_id: "a", terminate: false, signal: "SIGTERM" }],
      ["revoke", { task_id: ["a", "b"], terminate: true, signal: "SIGKILL" }],
      ["time_limit", { task_name: "proj.add", hard: 10, soft: 5 }],
      ["add_consumer", { queue: "q", exchange: null, exchange_type: "direct", routing_key: null }],
      ["add_consumer", { queue: "q", exchange: "x", exchange_type: "topic", routing_key: "a.#" }],
      ["cancel_consumer", { queue: "q" }],
      ["pool_grow", { n: 1 }],
      ["pool_shrink", { n: 2 }],
      ["pool_restart", { modules: null, reload: false, reloader: null }],
      ["autoscale", { max: 10, min: 2 }],
      ["enable_events", {}],
      ["disable_events", {}],
      ["heartbeat", {}],
    ]);
  });

  it("leaves nothing behind on Redis", async () => {
    if (redis === undefined) return;
    {
      await using circle = await startCircle(redis.url, ["w1@h"]);
      await circle.control.ping({ limit: 1, timeout: 10 });
    }
    const keys = await redis.client().keys("*pidbox*");
    expect(keys).toEqual([]);
  });
});
