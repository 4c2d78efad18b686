import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../src/broker/memory.ts";
import { describeBroker } from "../contract/broker-contract.ts";
import { describeConsuming } from "../contract/consume-contract.ts";
import { describeLeases, leaseOf } from "../contract/lease-contract.ts";
import { envelopeOf, idOf } from "../helper/envelope.ts";
import { ManualClock } from "../helper/manual-clock.ts";

const noon = Date.UTC(2026, 5, 1, 12);

describeBroker("memory", async () => {
  const broker = new MemoryBroker();
  return {
    broker,
    waiting: async (queue) => broker.messages(queue).map((envelope) => envelope.id),
    bind: async (exchange, binding) => broker.bind(exchange, binding),
    close: () => broker.close(),
  };
});

let places = 0;

describeConsuming("memory", async () => {
  places += 1;
  const name = `contract-${places}`;
  const brokers = [new MemoryBroker({ name })];
  return {
    broker: brokers[0] as MemoryBroker,
    again: async () => {
      const broker = new MemoryBroker({ name });
      brokers.push(broker);
      return broker;
    },
    close: async () => void (await Promise.all(brokers.map((broker) => broker.close()))),
  };
});

describeLeases("memory", async () => {
  const clock = new ManualClock(noon);
  const broker = new MemoryBroker({ clock });
  return { leases: broker.leases, runOut: (ttlMs) => clock.advance(ttlMs), close: () => broker.close() };
});

describe("MemoryBroker", () => {
  it("loses an answer, not a message, when its after hook throws", async () => {
    let answers = 0;
    const broker = new MemoryBroker({
      after: () => {
        answers += 1;
        if (answers === 1) throw new Error("the answer got lost");
      },
    });
    const { term } = leaseOf(await broker.leases.acquire("app", { id: "one", label: "one" }, 1000));
    const guard = { scope: "app", term, marks: [{ entry: "x", dueAt: 1 }] };
    await expect(broker.publish([envelopeOf("a")], guard)).rejects.toThrow("the answer got lost");
    expect(await broker.publish([envelopeOf("a")], guard)).toEqual(["duplicate"]);
    expect(broker.messages("celery").map((envelope) => envelope.id)).toEqual([idOf("a")]);
  });
});
