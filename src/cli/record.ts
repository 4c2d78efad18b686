// Which beat-record a command means, and opening it: ours, or a store of the user's own.
import { existsSync } from "node:fs";
import type { App } from "../app/app.ts";
import type { Conf } from "../app/conf.ts";
import { importModule, locateModule } from "../config/module.ts";
import { type Clock, systemClock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { isInRedis, openStore, openStoreReadOnly, type SharedStoreOptions } from "../store/open.ts";
import type { EntryState, Store } from "../store/store.ts";
import type { ScheduleOptions } from "./options.ts";

export interface RecordOptions extends ScheduleOptions {
  /** `-S`: a store of the user's own. */
  readonly scheduler?: string;
}

interface Tools {
  readonly emit: Emit;
  readonly clock: Clock;
}

/** What a store of the user's own is made with, beside what `-s` says. */
interface StoreTools extends Tools {
  readonly scope: string | undefined;
}

const defaultRecord = "beat-record";
/** Celery's default value of the same setting; its file is not ours to write. */
const celeryDefault = "celerybeat-schedule";

export function recordPath(options: ScheduleOptions, conf: Conf): string {
  if (options.schedule !== undefined) return options.schedule;
  return conf.beatScheduleFilename === celeryDefault ? defaultRecord : conf.beatScheduleFilename;
}

/** Opens the record for writing: ours, or one of the class that `-S` names, made with `new Class(location, {emit, clock, scope})`. */
export async function openRecord(options: RecordOptions, app: App, tools: Tools): Promise<Store> {
  const location = recordPath(options, app.conf);
  const scheduler = storeClass(options, app.conf);
  const shared = sharedBy(options, app);
  if (scheduler === undefined) return openStore(location, { ...tools, ...shared });
  return makeStore(scheduler, location, { ...tools, scope: shared.scope });
}

/** Beats of one scope share what lies on a server. It is reached as the broker is, but for TLS, which its own URL tells of. */
function sharedBy(options: RecordOptions, { name, conf }: App): SharedStoreOptions {
  return { scope: options.scope ?? name, transportOptions: conf.brokerTransportOptions };
}

async function makeStore(scheduler: string, location: string, tools: StoreTools): Promise<Store> {
  const made = await importClass(scheduler);
  const store = new (made as new (location: string, tools: StoreTools) => Partial<Store>)(location, tools);
  if (typeof store.location !== "string") throw notAStore(scheduler);
  for (const method of ["load", "record", "history", "close"] as const) {
    if (typeof store[method] !== "function") throw notAStore(scheduler);
  }
  return store as Store;
}

/** `./my-store.ts:MyStore`, as Celery names its scheduler classes. */
async function importClass(scheduler: string): Promise<unknown> {
  const [, module, name = "default"] = /^(.+?)(?::(\w+))?$/.exec(scheduler) ?? [];
  const located = locateModule(module ?? scheduler, [process.cwd()]);
  if ("tried" in located) {
    const hint = `tried ${located.tried.join(", ")}; Celery's own scheduler classes are Python and cannot be used here`;
    throw new LovageError("usage", `-S ${scheduler}: no such module`, { hint });
  }
  const exports = await importModule(located.file);
  // What a CommonJS module exports comes as its default export.
  const made = exports[name] ?? (exports["default"] as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (typeof made !== "function") throw notAStore(scheduler);
  return made;
}

/** What the record knows of entries; empty where there is none yet. */
export async function readStates(options: RecordOptions, app: App): Promise<ReadonlyMap<string, EntryState>> {
  const stored = await readRecord(options, app, (record) => record.load());
  return stored?.entries ?? new Map();
}

/** Whether there is none yet: a file of ours that no beat has made. */
export function isUnmade(options: RecordOptions, { conf }: App): boolean {
  const location = recordPath(options, conf);
  return storeClass(options, conf) === undefined && !isInRedis(location) && !existsSync(location);
}

/** Reads beat's record, of whatever kind, without locking or creating a file of ours; null where there is none yet. */
export async function readRecord<Answer>(
  options: RecordOptions,
  app: App,
  read: (record: Store) => Promise<Answer>,
): Promise<Answer | null> {
  if (isUnmade(options, app)) return null;
  const location = recordPath(options, app.conf);
  const isOurs = storeClass(options, app.conf) === undefined;
  const quiet = { emit: () => undefined, clock: systemClock };
  const store = await (isOurs ? openStoreReadOnly(location, sharedBy(options, app)) : openRecord(options, app, quiet));
  try {
    return await read(store);
  } finally {
    await store.close();
  }
}

/** `-S`, else the app's setting; undefined: a store of ours. */
function storeClass(options: RecordOptions, conf: Conf): string | undefined {
  return options.scheduler ?? conf.beatScheduler ?? undefined;
}

function notAStore(scheduler: string): LovageError {
  const hint = "it must name a class with location, load, record, history and close: ./my-store.ts:MyStore";
  return new LovageError("usage", `-S ${scheduler} is not a store`, { hint });
}
