import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { openBroker } from "../../src/broker/open.ts";
import { envelopeOf } from "../helper/envelope.ts";

describe("openBroker", () => {
  it("opens by the scheme", async () => {
    expect(await openBroker("memory://")).toBeInstanceOf(MemoryBroker);
    const broker = await openBroker("REDIS://:secret@127.0.0.1:1/0");
    expect(broker.url).toBe("REDIS://:***@127.0.0.1:1/0");
    await broker.close();
  });

  it("gives memory brokers of one name the same place, and one without a name its own", async () => {
    const [left, right] = [await openBroker("memory://open-test"), await openBroker("memory://open-test")];
    await left.publish([envelopeOf("a")]);
    expect(await right.depth("celery")).toBe(1);
    expect(right.url).toBe("memory://open-test");
    const [one, two] = [await openBroker("memory://"), await openBroker("memory://")];
    await one.publish([envelopeOf("a")]);
    expect(await two.depth("celery")).toBe(0);
  });

  it.each([
    ["reddis://host", "broker reddis://host: reddis:// is not a broker we know", "did you mean redis://?"],
    [
      "sqla+sqlite:///x.db",
      "broker sqla+sqlite:///x.db: sqla+sqlite:// is not a broker we know",
      "did you mean sqlite://?",
    ],
    [
      "kafka://:pw@host",
      "broker kafka://:***@host: kafka:// is not a broker we know",
      "write one of redis://host:6379/0",
    ],
    ["localhost:6379", 'broker "localhost:6379" is not a URL', "write one of redis://host:6379/0"],
    ["amqp://u:pw@host//", "broker amqp://u:***@host//: RabbitMQ comes in a later version", "write one of redis://"],
  ])("refuses %s", async (url, message, hint) => {
    await expect(openBroker(url)).rejects.toMatchObject({
      code: "config",
      message,
      hint: expect.stringContaining(hint),
    });
  });
});
