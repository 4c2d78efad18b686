// Is the file whole? And when it is not: out of the way, kept for whoever wants to look, and what can be trusted saved.
import { existsSync, renameSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import type { Instant } from "../../clock.ts";
import { applyToStates } from "../changes.ts";
import type { StoredState } from "../store.ts";
import { readJournal } from "./journal.ts";
import { readStates, type Rows } from "./rows.ts";
import { readMeta, writeMeta } from "./schema.ts";

/** Up to this size the whole file is checked at every start: some 100 ms. */
const SMALL_BYTES = 32 * 1024 * 1024;

/** A record is in WAL mode while a beat has it and leaves it on a clean stop, so its header tells of a crash. */
export function findDamage(path: string, database: Database.Database): string | null {
  const wasClosed = database.pragma("journal_mode", { simple: true }) !== "wal";
  if (wasClosed && statSync(path).size > SMALL_BYTES) return quickCheck(database, "('entry')");
  return quickCheck(database, "");
}

/** Renames the record and what SQLite keeps beside it; returns the new name. */
export function moveAside(path: string, now: Instant): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  let target = `${path}.corrupt-${stamp}`;
  for (let count = 2; existsSync(target); count += 1) target = `${path}.corrupt-${stamp}-${count}`;
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  }
  return target;
}

/** The entries of a damaged record if their own table is whole: a paused entry must not wake because a disk failed. */
export function salvage(path: string): StoredState | null {
  try {
    const database = new Database(path, { readonly: true });
    try {
      const id = readMeta(database, "id");
      if (id === undefined || quickCheck(database, "('entry')") !== null) return null;
      const entries = readStates(database);
      for (const changes of readJournal(database)) applyToStates(entries, changes);
      return { id, entries };
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

export function restore(database: Database.Database, rows: Rows, saved: StoredState, now: Instant): void {
  database.transaction(() => {
    writeMeta(database, "id", saved.id);
    rows.apply({ states: [...saved.entries.values()] }, now);
  })();
}

function quickCheck(database: Database.Database, table: string): string | null {
  const found = String(database.pragma(`quick_check${table}`, { simple: true }));
  return found === "ok" ? null : found.replaceAll(/\s+/g, " ").replace(/^\*\*\* in database main \*\*\* /, "");
}
