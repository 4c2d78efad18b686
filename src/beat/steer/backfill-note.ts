// Backfills as notes on the broker: whoever leads next goes on with them. The mark of a backfill, moved with every message,
// says exactly how far it is; the note may lag behind it.
import type { Instant } from "../../clock.ts";
import type { BackfillReport } from "./steering.ts";

export interface Backfill extends BackfillReport {
  /** The entry's schedule when it was begun, or last resumed: another one now would send something else. */
  readonly scheduleHash: string;
}

const prefix = "backfill:";

export function backfillName(id: string): string {
  return `${prefix}${id}`;
}

export function writeBackfill(backfill: Backfill): string {
  return JSON.stringify(backfill);
}

/** By id. What is none of ours is passed over. */
export function readBackfills(notes: ReadonlyMap<string, string>): ReadonlyMap<string, Backfill> {
  const found = new Map<string, Backfill>();
  for (const [name, text] of notes) {
    const backfill = name.startsWith(prefix) ? readBackfill(text) : null;
    if (backfill !== null) found.set(backfill.id, backfill);
  }
  return found;
}

/** The farther of two times up to which something is sent. */
export function farther(one: Instant | null | undefined, other: Instant | null | undefined): Instant | null {
  if (typeof one !== "number" || typeof other !== "number") return one ?? other ?? null;
  return Math.max(one, other);
}

function readBackfill(text: string): Backfill | null {
  try {
    const backfill = JSON.parse(text) as Partial<Backfill>;
    const { id, entry, status, perSecond } = backfill;
    const isOurs = typeof id === "string" && typeof entry === "string" && typeof perSecond === "number";
    return isOurs && (status === "running" || status === "stopped" || status === "done")
      ? (backfill as Backfill)
      : null;
  } catch {
    return null;
  }
}
