import { describe, expect, it } from "vitest";
import type { Delivery } from "../../../src/broker/consumer.ts";
import { describeConnection } from "../../../src/broker/redis/connection.ts";
import { RedisBroker } from "../../../src/broker/redis/redis-broker.ts";
import type { LovageEvent } from "../../../src/event.ts";
import { requireService } from "../../helper/debian.ts";
import { envelopeOf, idOf } from "../../helper/envelope.ts";
import { startRedis } from "../../helper/redis.ts";
import { temporaryFolder } from "../../helper/temporary-folder.ts";
import { waitUntil } from "../../helper/wait.ts";

const url = "redis://host/0";

function voice() {
  const events: LovageEvent[] = [];
  const { onOpen } = describeConnection(url, { emit: (event) => events.push(event), transport: {} });
  if (onOpen === undefined) throw new Error("nobody is told");
  return { open: onOpen, events };
}

describe("the connections of a broker", () => {
  it("are told of as one: the first that comes, and the first that goes", () => {
    const { open, events } = voice();
    const losses = [open(), open(), open()];
    for (const lose of losses) lose("the server went away");
    expect(events).toEqual([
      { type: "broker-connected", url },
      { type: "broker-disconnected", url, reason: "the server went away" },
    ]);
  });

  it("are told of anew when they come back, and a loss that is noticed late is no news", () => {
    const { open, events } = voice();
    const [first, second] = [open(), open()];
    first("gone");
    const third = open();
    second("gone, too");
    expect(events.map(({ type }) => type)).toEqual(["broker-connected", "broker-disconnected", "broker-connected"]);
    third("gone again");
    expect(events).toHaveLength(4);
  });

  it("are shown without the password", () => {
    const { url: shown, address } = describeConnection("redis://:secret@host", {
      emit: () => undefined,
      transport: {},
    });
    expect([shown, address.password]).toEqual(["redis://:***@host", "secret"]);
  });
});

describe.skipIf(!requireService("redis"))("a broker that publishes, consumes and listens", () => {
  it("tells once that Redis went away, and once that it is back", async () => {
    await using folder = temporaryFolder();
    const first = await startRedis({ dir: folder.path });
    const events: LovageEvent[] = [];
    const heard: string[] = [];
    const deliveries: Delivery[] = [];
    const broker = new RedisBroker(first.url, { emit: (event) => events.push(event), transport: {} });
    await broker.publish([envelopeOf("a")]);
    await broker.listen("news", (envelope) => heard.push(envelope.id));
    await broker.consume([{ name: "celery", exchange: "", exchangeType: "direct", routingKey: "celery" }], {
      label: "w",
      prefetch: 0,
      onDelivery: (delivery) => deliveries.push(delivery),
      onUnreadable: () => undefined,
    });
    await first.kill();
    await waitUntil(() => events.filter(({ type }) => type === "failure").length > 1, { what: "failed attempts" });
    await using second = await startRedis({ dir: folder.path, port: first.port });
    const news = envelopeOf("n", { destination: { exchange: "news", exchangeType: "fanout", routingKey: "" } });
    const isHeard = async (): Promise<boolean> => (await broker.publish([news])).length > 0 && heard.length > 0;
    await waitUntil(isHeard, { what: "the listener to hear" });
    await broker.publish([envelopeOf("b")]);
    await waitUntil(() => deliveries.some(({ envelope }) => envelope.id === idOf("b")), { what: "a delivery" });
    expect(await second.client().llen("celery")).toBe(0);
    const connections = events.filter(({ type }) => type.startsWith("broker-")).map(({ type }) => type);
    expect(connections).toEqual(["broker-connected", "broker-disconnected", "broker-connected"]);
    await broker.close();
  });
});
