import { readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { LovageEvent } from "../../src/event.ts";
import { openStore, openStoreReadOnly } from "../../src/store/open.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";
import { AT, runOf, stateOf } from "./sample.ts";

/** A record as version 1 made it. */
const version1 = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE entry (
    name TEXT PRIMARY KEY, schedule_hash TEXT NOT NULL, anchor_at INTEGER NOT NULL, settled_at INTEGER NOT NULL,
    last_due_at INTEGER, last_sent_at INTEGER, last_task_id TEXT,
    runs INTEGER NOT NULL, missed INTEGER NOT NULL, failed INTEGER NOT NULL,
    paused_at INTEGER, paused_by TEXT, paused_reason TEXT
  ) WITHOUT ROWID;
  CREATE TABLE run (
    entry TEXT NOT NULL, number INTEGER NOT NULL, due_at INTEGER NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL,
    task_id TEXT, reason TEXT, PRIMARY KEY (entry, number)
  ) WITHOUT ROWID;
  CREATE TABLE journal (id INTEGER PRIMARY KEY AUTOINCREMENT, changes TEXT NOT NULL);
  CREATE TABLE forgotten (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA application_id = 1280267841;
  PRAGMA user_version = 1;
  INSERT INTO meta VALUES ('id', '11111111-1111-4111-8111-111111111111');
  INSERT INTO run VALUES ('folded', 1, ${AT}, ${AT + 3}, 'sent', 'task-1', NULL);
`;
const columns = "(name, schedule_hash, anchor_at, settled_at, runs, missed, failed, paused_at, paused_by)";
const folded = stateOf("folded", { runs: 4, missed: 2, failed: 1, paused: { at: AT, by: "ada", reason: null } });
const waiting = stateOf("waiting", { runs: 7 });

/** With one entry in its table, and a newer one and a run still in its journal. */
function makeVersion1(path: string): void {
  const { skipped: _, ...journaled } = waiting;
  const database = new Database(path);
  database.exec(version1);
  database.prepare(`INSERT INTO entry ${columns} VALUES ('folded', 'hash-1', ?, ?, 4, 2, 1, ?, 'ada')`).run(AT, AT, AT);
  database
    .prepare("INSERT INTO journal (changes) VALUES (?)")
    .run(JSON.stringify({ states: [journaled], runs: [runOf("waiting")] }));
  database.close();
}

describe("a beat-record of version 1", () => {
  it("keeps its id, states and history, and counts what is skipped from 0", async () => {
    await using folder = temporaryFolder();
    makeVersion1(folder.file("beat-record"));
    const store = await openStore(folder.file("beat-record"));
    const { id, entries } = await store.load();
    expect(id).toBe("11111111-1111-4111-8111-111111111111");
    expect([...entries.values()]).toEqual([folded, waiting]);
    expect(await store.history("folded", 9)).toEqual([runOf("folded")]);
    expect(await store.history("waiting", 9)).toEqual([runOf("waiting")]);
    await store.record({ states: [{ ...waiting, skipped: 5 }] });
    await store.close();
    const again = await openStore(folder.file("beat-record"));
    expect((await again.load()).entries).toEqual(
      new Map([
        ["folded", folded],
        ["waiting", { ...waiting, skipped: 5 }],
      ]),
    );
    await again.close();
  });

  it("is saved with a count of 0 when its history is damaged", async () => {
    await using folder = temporaryFolder();
    const path = folder.file("beat-record");
    makeVersion1(path);
    const database = new Database(path);
    const page = Number(database.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'run'").pluck().get());
    database.close();
    writeFileSync(path, readFileSync(path).fill(0xa5, (page - 1) * 4096, page * 4096));
    const events: LovageEvent[] = [];
    const store = await openStore(path, { emit: (event) => events.push(event) });
    expect(events).toMatchObject([
      { type: "record-moved-aside", reason: expect.stringContaining("2 entries was kept") },
    ]);
    expect((await store.load()).entries).toEqual(
      new Map([
        ["folded", folded],
        ["waiting", waiting],
      ]),
    );
    await store.close();
  });

  it("is left as it is by a reader, who says what to do", async () => {
    await using folder = temporaryFolder();
    makeVersion1(folder.file("beat-record"));
    await expect(openStoreReadOnly(folder.file("beat-record"))).rejects.toMatchObject({
      message: expect.stringContaining("has the older schema version 1"),
      hint: "start beat on it once, which brings it up to date",
    });
  });
});
