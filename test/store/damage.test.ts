import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { LovageEvent } from "../../src/event.ts";
import { openStore, openStoreReadOnly } from "../../src/store/open.ts";
import { ManualClock } from "../helper/manual-clock.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { runOf, stateOf } from "./sample.ts";

const clock = new ManualClock(Date.UTC(2026, 10, 21, 10, 30, 5));
const PAGE = 4096;

/** A record of 400 entries, one of them paused, cleanly closed; returns its bytes. */
async function makeRecord(path: string): Promise<Buffer> {
  const store = await openStore(path);
  const names = Array.from({ length: 400 }, (_, index) => `entry-${index}`);
  const pause = { at: 1, by: "ada", reason: "the roof is being mended" };
  await store.record({
    states: names.map((name, index) => stateOf(name, { runs: 4, paused: index === 7 ? pause : null })),
    runs: names.flatMap((name) => [runOf(name), runOf(name)]),
  });
  await store.close();
  return readFileSync(path);
}

function pageOf(path: string, table: string): number {
  const database = new Database(path, { readonly: true });
  const page = database.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?").pluck().get(table);
  database.close();
  return Number(page);
}

describe("a damaged beat-record", () => {
  const rubbish: readonly (readonly [string, Buffer])[] = [
    ["text", Buffer.from("this is no database\n".repeat(50))],
    ["a few bytes", Buffer.from([1, 2, 3])],
    ["zeros", Buffer.alloc(3 * PAGE)],
    ["noise", Buffer.from(Array.from({ length: 3 * PAGE }, (_, index) => (index * 7919) % 251))],
  ];
  it.each(rubbish)("is moved aside with a loud event and begun anew: %s", async (_name, bytes) => {
    await using folder = temporaryFolder();
    const path = folder.file("beat-record");
    writeFileSync(path, bytes);
    writeFileSync(`${path}-lock`, "");
    writeFileSync(`${path}-wal`, "left over");
    const events: LovageEvent[] = [];
    const store = await openStore(path, { clock, emit: (event) => events.push(event) });
    const movedTo = `${path}.corrupt-20261121T103005Z`;
    expect(events).toEqual([{ type: "record-moved-aside", path, movedTo, reason: "file is not a database" }]);
    expect(readFileSync(movedTo)).toEqual(bytes);
    await store.record({ states: [stateOf("a")] });
    expect((await store.load()).entries.size).toBe(1);
    await store.close();
    expect(existsSync(movedTo)).toBe(true);
  });

  it("keeps each one that was moved aside, even within one second", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("beat-record-lock"), "");
    for (let round = 0; round < 3; round += 1) {
      writeFileSync(folder.file("beat-record"), `rubbish ${round} `.repeat(100));
      await (await openStore(folder.file("beat-record"), { clock })).close();
    }
    const stamp = "beat-record.corrupt-20261121T103005Z";
    const moved = readdirSync(folder.path).filter((name) => name.includes("corrupt"));
    expect(moved.sort()).toEqual([stamp, `${stamp}-2`, `${stamp}-3`]);
  });

  it("takes an empty file for a new record", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("beat-record"), "");
    const events: LovageEvent[] = [];
    const store = await openStore(folder.file("beat-record"), { emit: (event) => events.push(event) });
    expect([(await store.load()).entries.size, events]).toEqual([0, []]);
    await store.close();
  });

  it("is noticed wherever the file was cut off, and a new record begins", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("beat-record");
    const whole = await makeRecord(path);
    expect(whole.length).toBeGreaterThan(20 * PAGE);
    for (const length of [2, 99, 100, 512, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE, whole.length - PAGE]) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const events: LovageEvent[] = [];
      const store = await openStore(path, { clock, emit: (event) => events.push(event) });
      expect([length, events.map((event) => event.type)]).toEqual([length, ["record-moved-aside"]]);
      await store.record({ states: [stateOf("a")] });
      await store.close();
    }
  });

  it("keeps the entries, their pauses and the id when only history was hit", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("beat-record");
    const bytes = await makeRecord(path);
    const before = await openStoreReadOnly(path);
    const { id } = await before.load();
    await before.close();
    const start = (pageOf(path, "run") - 1) * PAGE;
    writeFileSync(path, bytes.fill(0xa5, start, start + PAGE));
    const events: LovageEvent[] = [];
    const store = await openStore(path, { clock, emit: (event) => events.push(event) });
    expect(events[0]).toMatchObject({
      type: "record-moved-aside",
      reason: expect.stringContaining("the state of its 400 entries was kept, their history was not"),
    });
    const state = await store.load();
    expect([state.id, state.entries.size, state.entries.get("entry-7")?.paused?.by]).toEqual([id, 400, "ada"]);
    await store.close();
  });

  it("keeps nothing of entries that were hit themselves", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("beat-record");
    const bytes = await makeRecord(path);
    const start = (pageOf(path, "entry") - 1) * PAGE;
    writeFileSync(path, bytes.fill(0xa5, start, start + PAGE));
    const events: LovageEvent[] = [];
    const store = await openStore(path, { clock, emit: (event) => events.push(event) });
    expect(events.map((event) => event.type)).toEqual(["record-moved-aside"]);
    expect((await store.load()).entries.size).toBe(0);
    await store.close();
  });

  it("is only reported, never moved, by a reader", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("beat-record"), "rubbish ".repeat(1_000));
    await expect(openStoreReadOnly(folder.file("beat-record"))).rejects.toMatchObject({
      code: "store",
      message: expect.stringContaining("is damaged: file is not a database"),
    });
    expect(readdirSync(folder.path)).toEqual(["beat-record"]);
  });
});

describe("a file that is somebody else's", () => {
  const berkeley = Buffer.alloc(PAGE);
  berkeley.writeUInt32LE(0x06_15_61, 12);
  const gnu = Buffer.alloc(PAGE);
  gnu.writeUInt32LE(0x13_57_9a_ce, 0);
  const files: readonly (readonly [string, Buffer, string])[] = [
    ["celerybeat-schedule.db", berkeley, "a schedule file of Celery's (Berkeley DB)"],
    ["celerybeat-schedule", gnu, "a schedule file of Celery's (GNU dbm)"],
    ["schedule.yaml", Buffer.from("entries: {}\n".repeat(30)), "a .yaml file"],
  ];
  it("is refused when it is text that no beat has had before, and nothing is made beside it", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("notes"), "buy milk");
    await expect(openStore(folder.file("notes"))).rejects.toThrow(
      "is a text file, not a beat-record; it is left as it is",
    );
    expect(readFileSync(folder.file("notes"), "utf8")).toBe("buy milk");
    expect(readdirSync(folder.path)).toEqual(["notes"]);
  });

  it.each(files)("is refused and left as it is: %s", async (name, bytes, what) => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file(name), bytes);
    for (const open of [openStore, openStoreReadOnly]) {
      await expect(open(folder.file(name))).rejects.toMatchObject({
        code: "store",
        message: `${folder.file(name)} is ${what}, not a beat-record; it is left as it is`,
        hint: "name another file with -s, such as -s beat-record",
      });
    }
    expect(readFileSync(folder.file(name))).toEqual(bytes);
  });

  it.each([
    [
      "CREATE TABLE Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)",
      "a schedule file of Celery's (Python's dbm.sqlite3)",
    ],
    ["CREATE TABLE customer (id INTEGER)", "another program's database"],
  ])("is refused when it is a database: %s", async (table, what) => {
    await using folder = temporaryFolder();
    const database = new Database(folder.file("data"));
    database.exec(table);
    database.close();
    const bytes = readFileSync(folder.file("data"));
    for (const open of [openStore, openStoreReadOnly]) {
      await expect(open(folder.file("data"))).rejects.toThrow(`is ${what}, not a beat-record`);
    }
    expect(readFileSync(folder.file("data"))).toEqual(bytes);
  });
});
