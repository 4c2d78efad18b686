// Which beat-record a command means, and opening it: ours, or a store of the user's own.
import { existsSync } from "node:fs";
import type { Conf } from "../app/conf.ts";
import { importModule, locateModule } from "../config/module.ts";
import type { Clock } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Emit } from "../event.ts";
import { openStore, openStoreReadOnly } from "../store/open.ts";
import type { EntryState, Store } from "../store/store.ts";
import type { ScheduleOptions } from "./options.ts";

interface Tools {
  readonly emit: Emit;
  readonly clock: Clock;
}

const defaultRecord = "beat-record";
/** Celery's default value of the same setting; its file is not ours to write. */
const celeryDefault = "celerybeat-schedule";

export function recordPath(options: ScheduleOptions, conf: Conf): string {
  if (options.schedule !== undefined) return options.schedule;
  return conf.beatScheduleFilename === celeryDefault ? defaultRecord : conf.beatScheduleFilename;
}

/** @param scheduler `-S`: a module and the name of a class in it, made with `new Class(location, {emit, clock})` */
export async function openRecord(location: string, scheduler: string | undefined, tools: Tools): Promise<Store> {
  if (scheduler === undefined) return openStore(location, tools);
  const made = await importClass(scheduler);
  const store = new (made as new (location: string, tools: Tools) => Partial<Store>)(location, tools);
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

/** What the record knows, without locking or creating it; empty where there is none. */
export async function peekRecord(location: string): Promise<ReadonlyMap<string, EntryState>> {
  if (!existsSync(location)) return new Map();
  const store = await openStoreReadOnly(location);
  try {
    return (await store.load()).entries;
  } finally {
    await store.close();
  }
}

function notAStore(scheduler: string): LovageError {
  const hint = "it must name a class with location, load, record, history and close: ./my-store.ts:MyStore";
  return new LovageError("usage", `-S ${scheduler} is not a store`, { hint });
}
