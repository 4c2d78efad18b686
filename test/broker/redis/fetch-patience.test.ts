import { describe, expect, it } from "vitest";
import type { Consumer, Delivery } from "../../../src/broker/consumer.ts";
import { RedisBroker } from "../../../src/broker/redis/redis-broker.ts";
import { requireService } from "../../helper/debian.ts";
import { envelopeOf } from "../../helper/envelope.ts";
import { startRedis } from "../../helper/redis.ts";
import { ManualClock } from "../../helper/manual-clock.ts";
import { waitUntil } from "../../helper/wait.ts";

interface Stage extends AsyncDisposable {
  readonly consumer: Consumer;
  readonly inHand: readonly Delivery[];
  /** Resolves when so many have been handed out, and no more of them taken. */
  took(count: number): Promise<void>;
  ack(count: number): Promise<void>;
}

/** Its clock stands still: no look is taken because time has passed. */
async function open(prefetch: number): Promise<Stage> {
  const server = await startRedis();
  const broker = new RedisBroker(server.url, { emit: () => undefined, clock: new ManualClock(0), transport: {} });
  await broker.publish(Array.from({ length: 100 }, (_, index) => envelopeOf(String(index))));
  const inHand: Delivery[] = [];
  const consumer = await broker.consume(
    [{ name: "celery", exchange: "", exchangeType: "direct", routingKey: "celery" }],
    {
      label: "test",
      prefetch,
      onDelivery: (delivery) => inHand.push(delivery),
      onUnreadable: () => undefined,
    },
  );
  let acked = 0;
  const ack = async (count: number): Promise<void> => {
    const next = inHand.slice(acked, acked + count);
    acked += count;
    await Promise.all(next.map((delivery) => delivery.ack()));
  };
  const took = async (count: number): Promise<void> => {
    await waitUntil(() => inHand.length >= count, { what: `${count} messages` });
    // What was asked for before is answered before.
    expect([await broker.depth("celery"), inHand.length]).toEqual([100 - count, count]);
  };
  const end = async (): Promise<void> => {
    await broker.close();
    await server.stop();
  };
  return { consumer, inHand, took, ack, [Symbol.asyncDispose]: end };
}

describe.skipIf(!requireService("redis"))("a consumer on Redis whose queue holds more", () => {
  it("waits until there is room for several, and then takes them together", async () => {
    await using stage = await open(6);
    await stage.took(6);
    await stage.ack(2);
    await stage.took(6);
    await stage.ack(1);
    await stage.took(9);
  });

  it("takes what there is room for when the prefetch is said again", async () => {
    await using stage = await open(6);
    await stage.took(6);
    await stage.ack(1);
    stage.consumer.setPrefetch(6);
    await stage.took(7);
  });

  it("waits for no more than eight, however many it may have in hand", async () => {
    await using stage = await open(50);
    await stage.took(50);
    await stage.ack(7);
    await stage.took(50);
    await stage.ack(1);
    await stage.took(58);
  });
});
