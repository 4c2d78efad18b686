// From what `-s` says to a store: a file, or memory. A custom store is the command line's to find.
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { Clock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { MemoryStore } from "./memory.ts";
import { openSqliteReadOnly } from "./sqlite/read-only.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { Store } from "./store.ts";

const MEMORY = ":memory:";

export interface OpenStoreOptions {
  /** Where `record-moved-aside` is reported. */
  readonly emit?: Emit | undefined;
  readonly clock?: Clock | undefined;
  /** How many runs are kept per entry; 100 unless it says otherwise. */
  readonly history?: number | undefined;
}

/**
 * Opens the beat-record for writing, making it when it is not there, and holds it until it is closed or the process ends.
 *
 * @param location a file, taken exactly as written (no extension is added), or `:memory:`
 * @throws LovageError `locked` while another process has it, `store` for everything else
 */
export async function openStore(location: string, options: OpenStoreOptions = {}): Promise<Store> {
  return location === MEMORY ? new MemoryStore(options) : openSqliteStore(pathOf(location), options);
}

/** Opens the beat-record for reading, whether or not a beat runs on it; `record` is refused. */
export async function openStoreReadOnly(location: string): Promise<Store> {
  if (location === MEMORY) {
    throw new LovageError("store", "a beat-record in memory cannot be read from outside its process", {
      hint: "name beat's file with -s",
    });
  }
  return openSqliteReadOnly(pathOf(location));
}

function pathOf(location: string): string {
  const scheme = /^([a-z][a-z0-9+]*):\/\//i.exec(location)?.[1]?.toLowerCase();
  if (scheme === undefined && location !== "") return canonical(resolve(location));
  const redis = scheme !== undefined && ["redis", "rediss", "sentinel"].includes(scheme);
  const message = redis
    ? "a beat-record in Redis is planned, but not there yet"
    : `${JSON.stringify(location)} is no place for a beat-record`;
  throw new LovageError("store", message, {
    hint: "name a file, such as -s beat-record, or -s :memory: to keep nothing; beats share what they sent by the broker",
  });
}

/** One name for one file, so that a symbolic link does not get round its lock. */
function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
