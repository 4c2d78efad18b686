import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/open.ts";
import { HISTORY, storeContract } from "../contract/store-contract.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { runOf, stateOf } from "./sample.ts";

storeContract("MemoryStore", () => openStore(":memory:", { history: HISTORY }));

describe("MemoryStore", () => {
  it("lets the history of an entry go 90 days after the entry went, unless it came back", async () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const store = await openStore(":memory:", { clock });
    await store.record({
      states: ["gone", "back", "other"].map((name) => stateOf(name)),
      runs: [runOf("gone"), runOf("back")],
    });
    await store.record({ forget: ["gone", "back"] });
    await store.record({ states: [stateOf("back")] });
    await clock.advance(91 * 24 * 3_600_000);
    await store.record({ forget: ["other"] });
    expect([await store.history("gone", 9), await store.history("back", 9)]).toEqual([[], [runOf("back")]]);
  });
});
