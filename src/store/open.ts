// From what `-s` says to a store: a file, memory, or Redis. A custom store is the command line's to find.
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { Clock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { redisSchemes } from "../redis/address.ts";
import { maskUrl, schemeOf } from "../redis/url.ts";
import { MemoryStore } from "./memory.ts";
import { openSqliteReadOnly } from "./sqlite/read-only.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { Store } from "./store.ts";

const MEMORY = ":memory:";

/** What a record in Redis is found by; a file has no use for it. */
export interface SharedStoreOptions {
  /** The beats of one scope share one record. */
  readonly scope?: string | undefined;
  /** `broker_transport_options`, in Celery's names: sentinels, TLS, timeouts, `global_keyprefix`. */
  readonly transportOptions?: Readonly<Record<string, unknown>> | undefined;
  /** Where `record-moved-aside` is reported, and what is wrong with a Redis. */
  readonly emit?: Emit | undefined;
}

export interface OpenStoreOptions extends SharedStoreOptions {
  readonly clock?: Clock | undefined;
  /** How many runs are kept per entry; 100 unless it says otherwise. */
  readonly history?: number | undefined;
}

/**
 * Opens the beat-record for writing. A file is made when it is not there, and held until it is closed or the process ends;
 * Redis is connected to when it is first needed, so this does not fail because it is down.
 *
 * @param location a file, taken exactly as written (no extension is added); `:memory:`; or a URL of Redis
 * @throws LovageError `locked` while another process has the file, `config` for a URL that cannot be read or a missing scope,
 * `store` for everything else
 */
export async function openStore(location: string, options: OpenStoreOptions = {}): Promise<Store> {
  if (location === MEMORY) return new MemoryStore(options);
  return isInRedis(location) ? openRedis(location, options, false) : openSqliteStore(pathOf(location), options);
}

/** Opens the beat-record for reading, whether or not a beat runs on it; `record` is refused. */
export async function openStoreReadOnly(location: string, options: SharedStoreOptions = {}): Promise<Store> {
  if (location === MEMORY) {
    throw new LovageError("store", "a beat-record in memory cannot be read from outside its process", {
      hint: "name beat's file with -s",
    });
  }
  return isInRedis(location) ? openRedis(location, options, true) : openSqliteReadOnly(pathOf(location));
}

/** Whether `-s` names a record that several beats share, and no file. */
export function isInRedis(location: string): boolean {
  return redisSchemes.includes(schemeOf(location) ?? "");
}

async function openRedis(url: string, { scope, ...options }: OpenStoreOptions, isReadOnly: boolean): Promise<Store> {
  if (scope === undefined || scope === "") {
    throw new LovageError("config", `the beat-record ${maskUrl(url)} needs a scope: whose it is`, {
      hint: "beats of one scope share it: --scope, else the app's name",
    });
  }
  const { RedisStore } = await import("./redis.ts");
  return new RedisStore(url, { ...options, scope, isReadOnly });
}

function pathOf(location: string): string {
  if (location !== "" && schemeOf(location) === undefined) return canonical(resolve(location));
  throw new LovageError("store", `${JSON.stringify(maskUrl(location))} is no place for a beat-record`, {
    hint: "name a file, such as -s beat-record; a Redis, -s redis://host:6379/0; or -s :memory: to keep nothing",
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
