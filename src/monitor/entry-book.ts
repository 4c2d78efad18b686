// The entries that the monitor needs by name, and the name of the schedule as a whole: one hash for all that is planned.
import { createHash } from "node:crypto";
import type { Instant } from "../clock.ts";
import type { Entry, EntryPing } from "../schedule/entry.ts";
import { jitterFor } from "../schedule/jitter.ts";

/** Hashed in turns, so that a large schedule holds up nothing. */
const hashedAtOnce = 5000;

export class EntryBook {
  #entries: readonly Entry[] = [];
  /** Only those with a ping or a jitter: most schedules have none. */
  #special: ReadonlyMap<string, Entry> = new Map();
  #hash: { readonly of: readonly Entry[]; readonly hash: string } | null = null;

  /** The set that is in force from now on. */
  take(entries: readonly Entry[]): void {
    this.#entries = entries;
    const special = entries.filter(({ ping, jitterMs }) => ping !== null || jitterMs > 0);
    this.#special = new Map(special.map((entry) => [entry.name, entry]));
  }

  pingOf(name: string): EntryPing | null {
    return this.#special.get(name)?.ping ?? null;
  }

  /** By how much the occurrence was meant to be late. */
  jitterOf(name: string, dueAt: Instant): number {
    const entry = this.#special.get(name);
    if (entry === undefined || entry.jitterMs === 0) return 0;
    try {
      return jitterFor(name, dueAt, entry.jitterMs, entry.schedule.next(dueAt));
    } catch {
      // A schedule of the user's own may throw; the plan says so elsewhere.
      return 0;
    }
  }

  /** Sixteen hex digits that change when an entry comes, goes, or is rescheduled. */
  async scheduleHash(): Promise<string> {
    const entries = this.#entries;
    if (this.#hash?.of === entries) return this.#hash.hash;
    const digest = createHash("sha256");
    for (let start = 0; start < entries.length; start += hashedAtOnce) {
      const part = entries.slice(start, start + hashedAtOnce);
      digest.update(part.map(({ name, scheduleHash }) => `${name}\n${scheduleHash}\n`).join(""));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const hash = digest.digest("hex").slice(0, 16);
    this.#hash = { of: entries, hash };
    return hash;
  }
}
