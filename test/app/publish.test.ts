import { describe, expect, it } from "vitest";
import { nextWaitMs, publishWithRetry } from "../../src/app/publish.ts";
import { type Broker, UndeliverableError } from "../../src/broker/broker.ts";
import type { Clock } from "../../src/clock.ts";
import type { RetryPolicy } from "../../src/config/section/task.ts";
import { LovageError } from "../../src/error.ts";
import { createEnvelope } from "../../src/protocol/task.ts";

const policy: RetryPolicy = { maxRetries: 3, intervalStart: 0, intervalStep: 0.2, intervalMax: 1 };
const destination = { exchange: "", exchangeType: "direct", routingKey: "q", queue: "q" } as const;
const context = { now: 0, origin: "gen1@host", replyTo: "r", destination, newId: () => "id" };
const envelope = createEnvelope({ task: "proj.add", args: [], kwargs: {}, options: {} }, context);

/** A broker that fails with each of these in turn, then takes everything; and a clock that notes what it is asked. */
function scene(failures: readonly Error[]) {
  const left = [...failures];
  const published: string[] = [];
  const waits: number[] = [];
  const broker: Broker = {
    url: "test://",
    leases: undefined,
    publish: async (batch) => {
      const failure = left.shift();
      if (failure !== undefined) throw failure;
      published.push(...batch.map(({ id }) => id));
      return batch.map(() => "sent" as const);
    },
    consume: () => Promise.reject(new Error("nobody consumes here")),
    listen: () => Promise.reject(new Error("nobody listens here")),
    depth: async () => 0,
    purge: async () => 0,
    close: async () => undefined,
  };
  const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: async (ms) => void waits.push(ms) };
  return { broker: async () => broker, clock, published, waits };
}

const lost = (): LovageError => new LovageError("broker", "connection lost");

describe("publishWithRetry", () => {
  it("tries again when the connection is lost, with the same message, waiting longer each time", async () => {
    const { published, waits, ...options } = scene([lost(), lost(), lost()]);
    await publishWithRetry(envelope, { ...options, policy });
    expect(published).toEqual(["id"]);
    expect(waits).toEqual([0, 200, 400]);
  });

  it("gives up after as many retries as the policy says", async () => {
    const { published, waits, ...options } = scene([lost(), lost(), lost(), lost(), lost()]);
    await expect(publishWithRetry(envelope, { ...options, policy })).rejects.toThrow("connection lost");
    expect(published).toEqual([]);
    expect(waits).toHaveLength(3);
  });

  it("does not retry without a policy", async () => {
    const { waits, published: _, ...options } = scene([lost()]);
    await expect(publishWithRetry(envelope, { ...options, policy: null })).rejects.toThrow("connection lost");
    expect(waits).toEqual([]);
  });

  it("does not retry what another attempt cannot mend", async () => {
    for (const failure of [
      new LovageError("config", "bad"),
      new UndeliverableError(["id"], "nowhere"),
      new TypeError("bug"),
    ]) {
      const { waits, published: _, ...options } = scene([failure]);
      await expect(publishWithRetry(envelope, { ...options, policy })).rejects.toBe(failure);
      expect(waits).toEqual([]);
    }
  });
});

describe("nextWaitMs", () => {
  it("grows by the step from the start, and stays within start and max", () => {
    const long = { maxRetries: null, intervalStart: 1, intervalStep: 2, intervalMax: 5 };
    expect([0, 1, 2, 3, 100].map((retries) => nextWaitMs(long, retries))).toEqual([1000, 3000, 5000, 6000, 6000]);
  });
});
