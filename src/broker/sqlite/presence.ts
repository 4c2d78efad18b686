// Whether a consumer is alive, by a lock of the operating system: it ends with the process, however that dies, and is seen
// from other containers too. Each consumer holds an empty file of its own beside the broker's.
import { rmSync } from "node:fs";
import Database from "better-sqlite3";
import { fileFailure } from "./failure.ts";

export interface Presence {
  /** From now on it counts as dead; unless it `left` in order, its file stays until somebody has seen to what it had. */
  end(left: boolean): void;
}

/** @throws LovageError when the file cannot be made */
export function showPresence(path: string, consumer: string): Presence {
  const file = fileOf(path, consumer);
  const lock = open(file);
  return {
    end: (left) => {
      lock.close();
      if (left) rmSync(file, { force: true });
    },
  };
}

/** Runs `mourn` if the consumer is dead, while nobody else can do so. What cannot be found out is not taken for death. */
export function whenDead(path: string, consumer: string, mourn: () => void): boolean {
  const file = fileOf(path, consumer);
  const lock = tryToLock(file);
  if (lock === undefined) return false;
  try {
    mourn();
    rmSync(file, { force: true });
    return true;
  } finally {
    lock.close();
  }
}

function fileOf(path: string, consumer: string): string {
  return `${path}-consumer-${consumer}`;
}

function open(file: string): Database.Database {
  try {
    return hold(new Database(file, { timeout: 0 }));
  } catch (error) {
    throw fileFailure(file, error);
  }
}

function tryToLock(file: string): Database.Database | undefined {
  let lock: Database.Database | undefined;
  try {
    lock = new Database(file, { timeout: 0, fileMustExist: true });
    return hold(lock);
  } catch {
    lock?.close();
    return undefined;
  }
}

/** Nothing is ever written, so no journal need lie there too. */
function hold(lock: Database.Database): Database.Database {
  lock.pragma("journal_mode = MEMORY");
  lock.exec("BEGIN EXCLUSIVE");
  return lock;
}
