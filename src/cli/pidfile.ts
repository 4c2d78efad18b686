// A pidfile that tells others which process this is, and keeps a second worker from starting beside the first.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { LovageError, messageOf } from "../error.ts";

/**
 * Writes the file and returns the function that removes it. One that a dead process has left is replaced.
 *
 * @throws LovageError("usage") when the process named in it is alive, or the file cannot be written
 */
export function createPidfile(path: string): () => void {
  if (!create(path)) {
    refuseLiving(path);
    rmSync(path, { force: true });
    if (!create(path)) throw new LovageError("usage", `Pidfile (${path}) was made by another process just now`);
  }
  return () => {
    if (readPid(path) === process.pid) rmSync(path, { force: true });
  };
}

/** False when there is one. */
function create(path: string): boolean {
  try {
    const file = openSync(path, "wx");
    writeSync(file, `${process.pid}\n`);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    const hint = "name a file in a folder that exists and is writable";
    throw new LovageError("usage", `cannot write --pidfile ${path}: ${messageOf(error)}`, { hint, cause: error });
  }
}

function refuseLiving(path: string): void {
  const pid = readPid(path);
  if (pid === null) {
    const hint = "is it the right path? a pidfile holds a process id and nothing else";
    throw new LovageError("usage", `--pidfile ${path} is there already and holds no process id`, { hint });
  }
  // In a container every start may well have the same process id.
  if (pid === process.pid || !isAlive(pid)) return;
  const hint = "stop that one, name another file, or remove this one if that process is something else";
  throw new LovageError("usage", `Pidfile (${path}) already exists. Seems we're already running? (pid: ${pid})`, {
    hint,
  });
}

/** Null where there is no number in the file, or no file. An empty one was about to be written when its process died. */
function readPid(path: string): number | null {
  try {
    const text = readFileSync(path, "utf8").trim();
    if (text === "") return 0;
    return /^\d{1,10}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user's process we may know nothing but that it is there.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
