// Tells when schedule files change, however they are changed: written in place, renamed over, deleted and made again, or
// swapped as a whole by Kubernetes. What leaves the content as it was is not a change.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { watch } from "chokidar";
import type { FSWatcher } from "chokidar";
import { findScheduleFiles, isScheduleFileName } from "./files.ts";

export interface WatchOptions {
  /** How long to wait for a burst of changes to end. */
  readonly debounceMs?: number;
  /** Look at the files twice a second instead of asking the system to tell: for network file systems. */
  readonly poll?: boolean;
  /** The system cannot watch (any longer), for example because it has too many watches. */
  readonly onError?: (error: unknown) => void;
}

export interface ScheduleWatch {
  /** Safe twice. Resolves when `onChange` will not be called again. */
  stop(): Promise<void>;
}

const POLL_MS = 500;
/** The link through which Kubernetes swaps all files of a mounted ConfigMap at once. */
const CONFIG_MAP_LINK = "..data";

/**
 * Watches the files and folders that `loadScheduleFiles` would read; they need not exist yet. `onChange` is called after
 * the content of any of them changed from what it was when this was called, so start watching before loading.
 */
export async function watchSchedules(
  paths: readonly string[],
  onChange: () => void,
  options: WatchOptions = {},
): Promise<ScheduleWatch> {
  const { debounceMs = 200, poll = false, onError = () => undefined } = options;
  const check = await changeCheck(paths, onChange, onError);
  const debounced = debounce(check, debounceMs);
  const watcher = await startWatcher(paths, poll);
  watcher.on("all", debounced.call).on("error", onError);
  // What changed while the watcher was not ready yet.
  debounced.call();
  return {
    stop: async () => {
      await watcher.close();
      await debounced.stop();
    },
  };
}

async function startWatcher(paths: readonly string[], poll: boolean): Promise<FSWatcher> {
  const targets = paths.map(watchTarget);
  // Chokidar loses sight of a folder that it was given before there was one, so it gets what is there.
  const present = (): string[] => targets.flatMap(({ folders }) => folders.filter((folder) => existsSync(folder)));
  const watcher = watch(present(), {
    ignored: (path) => !targets.some((target) => target.wants(resolve(path))),
    ignoreInitial: true,
    depth: 0,
    usePolling: poll,
    interval: POLL_MS,
  });
  watcher.on("addDir", () => watcher.add(present()));
  await new Promise<void>((ready) => watcher.once("ready", ready));
  return watcher;
}

interface WatchTarget {
  /** The folder, and above it what tells when it comes or goes: its parent, or the nearest folder that exists. */
  readonly folders: readonly string[];
  wants(path: string): boolean;
}

/** Of a file its folder is watched: a file that is renamed over takes the watch on it along. */
function watchTarget(path: string): WatchTarget {
  const full = resolve(path);
  const isFolder = statSync(full, { throwIfNoEntry: false })?.isDirectory() ?? !isScheduleFileName(basename(full));
  const folder = isFolder ? full : dirname(full);
  const folders = [folder, dirname(folder)];
  while (!existsSync(folders.at(-1) ?? "/")) folders.push(dirname(folders.at(-1) ?? "/"));
  const isWanted = (name: string): boolean => (isFolder ? isScheduleFileName(name) : name === basename(full));
  return {
    folders,
    wants: (candidate) => {
      if (folders.includes(candidate)) return true;
      const name = basename(candidate);
      return dirname(candidate) === folder && (name === CONFIG_MAP_LINK || isWanted(name));
    },
  };
}

async function changeCheck(
  paths: readonly string[],
  onChange: () => void,
  onError: (error: unknown) => void,
): Promise<() => Promise<void>> {
  let known = await fingerprint(paths);
  return async () => {
    try {
      const present = await fingerprint(paths);
      if (present === known) return;
      known = present;
      onChange();
    } catch (error) {
      onError(error);
    }
  };
}

/** Hashed in pieces as they are read: even a large file holds nothing up. */
async function fingerprint(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const { files } = await findScheduleFiles(paths);
  for (const file of files) {
    hash.update(`\0${file}\0`);
    await addContent(hash, file);
  }
  return hash.digest("hex");
}

async function addContent(hash: ReturnType<typeof createHash>, file: string): Promise<void> {
  try {
    for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  } catch (error) {
    // Gone, or closed to us: loading will say so, and it is a change in any case.
    hash.update(String((error as NodeJS.ErrnoException).code));
  }
}

interface Debounced {
  readonly call: () => void;
  stop(): Promise<void>;
}

/** Runs the check once a burst of calls is over, and never twice at a time. */
function debounce(check: () => Promise<void>, waitMs: number): Debounced {
  let timer: NodeJS.Timeout | null = null;
  let running = Promise.resolve();
  let isStopped = false;
  return {
    call: () => {
      if (timer !== null) clearTimeout(timer);
      if (isStopped) return;
      timer = setTimeout(() => {
        running = running.then(() => (isStopped ? undefined : check()));
      }, waitMs);
    },
    stop: async () => {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
}
