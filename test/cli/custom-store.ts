// A store of a user's own, for `-S`: it always knows the same.
import type { Run, Store, StoredState } from "../../src/store/store.ts";

export class FixedStore implements Store {
  readonly location = "nowhere";

  async load(): Promise<StoredState> {
    const at = Date.UTC(2026, 10, 1);
    const counts = { runs: 7, missed: 0, skipped: 0, failed: 0, paused: null };
    const last = { lastDueAt: at, lastSentAt: at, lastTaskId: "from-the-custom-store" };
    const state = { name: "morning", scheduleHash: "another", anchorAt: at, settledAt: at, ...last, ...counts };
    return { id: "fixed", entries: new Map([["morning", state]]) };
  }

  async record(): Promise<void> {}

  async history(): Promise<readonly Run[]> {
    return [];
  }

  async close(): Promise<void> {}
}
