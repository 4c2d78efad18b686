import { existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openStore, openStoreReadOnly } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { HISTORY, storeContract } from "../contract/store-contract.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { type TemporaryFolder, temporaryFolder } from "../helper/temporary-folder.ts";
import { runOf, stateOf } from "./sample.ts";

storeContract("SqliteStore", async () => {
  const folder = temporaryFolder();
  return closingWith(folder, await openStore(folder.file("beat-record"), { history: HISTORY }));
});

/** The store, taking its folder with it. */
function closingWith(folder: TemporaryFolder, store: Store): Store {
  return {
    location: store.location,
    load: () => store.load(),
    record: (changes) => store.record(changes),
    history: (entry, limit) => store.history(entry, limit),
    close: async () => {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const thousand = Array.from({ length: 1_000 }, (_, index) => `entry-${index}`);
const burst = { states: thousand.map((name) => stateOf(name, { runs: 1 })), runs: thousand.map((name) => runOf(name)) };

describe("SqliteStore", () => {
  it("keeps everything over a reopening: id, states, history", async () => {
    await using folder = temporaryFolder();
    const first = await openStore(folder.file("beat-record"));
    const { id } = await first.load();
    await first.record({
      states: [stateOf("a", { runs: 3, paused: { at: 5, by: "ada", reason: null } })],
      runs: [runOf("a")],
    });
    await first.record(burst);
    await first.close();
    const second = await openStore(folder.file("beat-record"));
    const state = await second.load();
    expect([state.id, state.entries.size]).toEqual([id, 1_001]);
    expect(state.entries.get("a")).toEqual(stateOf("a", { runs: 3, paused: { at: 5, by: "ada", reason: null } }));
    expect(await second.history("a", 9)).toEqual([runOf("a")]);
    expect(await second.history("entry-500", 9)).toEqual([runOf("entry-500")]);
    await second.close();
  });

  it("names the file exactly as asked, and after closing leaves it alone with its lock file", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record.state.2026"));
    await store.record({ states: [stateOf("a")] });
    await store.close();
    expect(store.location).toBe(folder.file("beat-record.state.2026"));
    expect(readdirSync(folder.path).sort()).toEqual(["beat-record.state.2026", "beat-record.state.2026-lock"]);
  });

  it("folds a burst into the tables in slices, in the clock's time, and answers alike all along", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const store = await openStore(folder.file("beat-record"), { clock });
    await store.record(burst);
    const inspection = new Database(folder.file("beat-record"), { readonly: true });
    const waiting = inspection.prepare("SELECT count(*) FROM journal").pluck();
    const counts: unknown[] = [];
    for (let step = 0; step < 4; step += 1) {
      counts.push(waiting.get());
      expect(await store.history("entry-999", 9)).toEqual([runOf("entry-999")]);
      await clock.advance(step === 0 ? 250 : 14);
    }
    inspection.close();
    expect(counts).toEqual([16, 15, 8, 1]);
    await clock.advance(1_000);
    expect(clock.sleepers).toBe(0);
    await store.close();
  });

  it("lets the history of an entry go 90 days after the entry went, unless it came back", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const store = await openStore(folder.file("beat-record"), { clock });
    await store.record({ states: [stateOf("gone"), stateOf("back")], runs: [runOf("gone"), runOf("back")] });
    await store.record({ forget: ["gone", "back"] });
    await store.record({ states: [stateOf("back")] });
    await clock.advance(91 * 24 * 3_600_000);
    await store.close();
    const later = await openStore(folder.file("beat-record"), { clock });
    expect([await later.history("gone", 9), await later.history("back", 9)]).toEqual([[], [runOf("back")]]);
    await later.close();
  });

  it("refuses a record of a newer version and leaves it as it is", async () => {
    await using folder = temporaryFolder();
    await (await openStore(folder.file("beat-record"))).close();
    const database = new Database(folder.file("beat-record"));
    database.pragma("user_version = 99");
    database.close();
    const attempt = openStore(folder.file("beat-record"));
    await expect(attempt).rejects.toMatchObject({
      code: "store",
      message: expect.stringContaining("has schema version 99, and this Lovage knows versions up to 2"),
      hint: expect.stringContaining("upgrade Lovage"),
    });
    expect(readdirSync(folder.path).sort()).toEqual(["beat-record", "beat-record-lock"]);
  });

  it("rejects a change, and keeps the old state, when the record is deleted or replaced under it", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record"));
    rmSync(folder.file("beat-record"));
    await expect(store.record({ states: [stateOf("a")] })).rejects.toThrow(/was removed or replaced while in use/);
    await store.close();
  });

  it("says that the record is damaged when history breaks under a running beat, and heals at the next start", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("beat-record");
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    await (await openStore(path, { clock })).close();
    const blank = new Database(path);
    const page = Number(blank.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'run'").pluck().get());
    blank.close();
    const store = await openStore(path, { clock });
    await store.record(burst);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xa5, (page - 1) * 4096, page * 4096), { flag: "r+" });
    await clock.advance(1_000);
    await expect(store.record({ states: [stateOf("a")] })).rejects.toThrow(/is damaged/);
    await store.close();
    const events: unknown[] = [];
    const next = await openStore(path, { clock, emit: (event) => events.push(event) });
    expect(events).toMatchObject([
      { type: "record-moved-aside", reason: expect.stringContaining("1000 entries was kept") },
    ]);
    expect((await next.load()).entries.size).toBe(1_000);
    await next.close();
  });

  it("goes on folding what the beat before left in the journal", async () => {
    await using folder = temporaryFolder();
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const names = Array.from({ length: 5_000 }, (_, index) => `entry-${index}`);
    const first = await openStore(folder.file("beat-record"), { clock });
    await first.record({
      states: names.map((name) => stateOf(name, { runs: 3 })),
      runs: names.map((name) => runOf(name)),
    });
    await first.close();
    const inspection = new Database(folder.file("beat-record"), { readonly: true });
    expect(inspection.prepare("SELECT count(*) FROM journal").pluck().get()).toBe(79);
    inspection.close();
    const second = await openStore(folder.file("beat-record"), { clock });
    expect((await second.load()).entries.get("entry-4999")?.runs).toBe(3);
    await clock.advance(1_000);
    expect([(await second.load()).entries.size, clock.sleepers]).toEqual([5_000, 0]);
    expect(await second.history("entry-4999", 9)).toEqual([runOf("entry-4999")]);
    await second.close();
  });

  it("is one record by whatever link it is reached", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record"));
    symlinkSync(folder.file("beat-record"), folder.file("link"));
    await expect(openStore(folder.file("link"))).rejects.toMatchObject({ code: "locked" });
    await store.close();
  });

  it("closes while somebody reads along, and the next beat finds everything", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record"));
    await store.record(burst);
    const reader = await openStoreReadOnly(folder.file("beat-record"));
    await reader.load();
    await store.close();
    const next = await openStore(folder.file("beat-record"));
    expect((await next.load()).entries.size).toBe(1_000);
    await next.close();
    await reader.close();
  });

  it("is on the disk when record() resolves, for many at once too", async () => {
    await using folder = temporaryFolder();
    const store = await openStore(folder.file("beat-record"));
    await Promise.all(thousand.slice(0, 50).map((name) => store.record({ states: [stateOf(name)] })));
    expect(statSync(folder.file("beat-record-wal")).size).toBeGreaterThan(0);
    expect((await store.load()).entries.size).toBe(50);
    await store.close();
  });
});

describe("openStoreReadOnly", () => {
  it("reads what a running beat wrote, folded or not, without a lock and without making files", async () => {
    await using folder = temporaryFolder();
    const writer = await openStore(folder.file("beat-record"));
    await writer.record({ states: [stateOf("a")], runs: [runOf("a", { taskId: "first" })] });
    await writer.record(burst);
    await writer.record({ states: [stateOf("a", { runs: 2 })], runs: [runOf("a", { taskId: "second" })] });
    const reader = await openStoreReadOnly(folder.file("beat-record"));
    const state = await reader.load();
    expect([state.id, state.entries.size, state.entries.get("a")?.runs]).toEqual([(await writer.load()).id, 1_001, 2]);
    expect((await reader.history("a", 9)).map((run) => run.taskId)).toEqual(["second", "first"]);
    await writer.record({ states: [stateOf("b")] });
    expect((await reader.load()).entries.has("b")).toBe(true);
    await expect(reader.record({})).rejects.toThrow(/opened for reading only/);
    await reader.close();
    await writer.close();
  });

  it("reads a record at rest and leaves the folder as it was", async () => {
    await using folder = temporaryFolder();
    const writer = await openStore(folder.file("beat-record"));
    await writer.record(burst);
    await writer.close();
    const before = readdirSync(folder.path);
    const reader = await openStoreReadOnly(folder.file("beat-record"));
    expect((await reader.load()).entries.size).toBe(1_000);
    expect(readdirSync(folder.path)).toEqual(before);
    await reader.close();
    expect(readdirSync(folder.path)).toEqual(before);
  });

  it("says that there is no record yet, and makes none", async () => {
    await using folder = temporaryFolder();
    await expect(openStoreReadOnly(folder.file("beat-record"))).rejects.toMatchObject({
      code: "store",
      message: `there is no beat-record at ${folder.file("beat-record")} yet`,
    });
    expect(existsSync(folder.file("beat-record"))).toBe(false);
  });
});
