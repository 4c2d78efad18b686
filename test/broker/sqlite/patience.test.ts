import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { fileFailure } from "../../../src/broker/sqlite/failure.ts";
import { Patience } from "../../../src/broker/sqlite/patience.ts";
import type { LovageEvent } from "../../../src/event.ts";
import { ManualClock } from "../../helper/manual-clock.ts";

const busy = fileFailure("/b.db", new Database.SqliteError("database is locked", "SQLITE_BUSY"));
const full = fileFailure("/b.db", new Database.SqliteError("disk full", "SQLITE_FULL"));
const never = new AbortController().signal;

function scene() {
  const clock = new ManualClock(0);
  const events: LovageEvent[] = [];
  const patience = new Patience({ url: "sqlite:///b.db", clock, emit: (event) => events.push(event) });
  const fail = async (error: unknown): Promise<number> => {
    const startedAt = clock.monotonic();
    const waiting = patience.failed(error, never);
    while (clock.sleepers > 0) await clock.advance(1);
    await waiting;
    return clock.monotonic() - startedAt;
  };
  return { clock, events, patience, fail };
}

describe("Patience", () => {
  it("tells of trouble once, and once of its end", async () => {
    const { events, patience, fail } = scene();
    await fail(full);
    await fail(full);
    patience.succeeded();
    patience.succeeded();
    expect(events).toEqual([
      { type: "broker-disconnected", url: "sqlite:///b.db", reason: "broker file /b.db: the disk is full" },
      { type: "broker-connected", url: "sqlite:///b.db" },
    ]);
  });

  it("is silent about another writer, unless that one does not end", async () => {
    const { clock, events, patience, fail } = scene();
    await fail(busy);
    patience.succeeded();
    expect(events).toEqual([]);
    await fail(busy);
    await clock.advance(2000);
    await fail(busy);
    expect(events.map(({ type }) => type)).toEqual(["broker-disconnected"]);
  });

  it("waits longer each time, up to a second", async () => {
    const { fail } = scene();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) waits.push(await fail(full));
    expect(waits[0]).toBeLessThanOrEqual(6);
    expect(waits[11]).toBeGreaterThanOrEqual(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1001);
  });
});
