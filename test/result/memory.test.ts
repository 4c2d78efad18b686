import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { MemoryResults } from "../../src/result/memory.ts";
import { describeResults } from "../contract/result-contract.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { AT, metaOf, recordOf } from "./sample.ts";

const options = { clock: systemClock, emit: () => undefined, transportOptions: {}, expiresMs: 3_600_000 };

describeResults("memory", async () => {
  const url = `memory://${randomUUID()}`;
  const [backend, other] = [new MemoryResults(url, options), new MemoryResults(url, options)];
  return { backend, other, close: async () => void (await Promise.all([backend.close(), other.close()])) };
});

describe("MemoryResults", () => {
  it("keeps results of different names apart, and forgets them with the last user", async () => {
    const [here, there] = [new MemoryResults("memory://here", options), new MemoryResults("memory://there", options)];
    await here.put([recordOf("id")]);
    expect(await there.get(["id"])).toEqual([null]);
    await here.close();
    const again = new MemoryResults("memory://here", options);
    expect(await again.get(["id"])).toEqual([null]);
    await Promise.all([there.close(), again.close()]);
  });

  it("drops what has expired, also from what stands", async () => {
    const clock = new ManualClock(AT);
    const backend = new MemoryResults("memory://expiry", { ...options, clock, expiresMs: 1000 });
    await backend.put([recordOf("old")]);
    await clock.advance(1000);
    expect(await backend.get(["old"])).toEqual([null]);
    await backend.put([recordOf("new")]);
    expect(await backend.cleanup()).toBe(1);
    expect(await backend.get(["old", "new"])).toEqual([null, metaOf("new")]);
    await backend.close();
  });
});
