// Tells when schedule files change, however they are changed: written in place, renamed over, deleted and made again, or
// swapped as a whole by Kubernetes. What leaves the content as it was is not a change.
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { systemClock, untilRoundMs } from "../clock.ts";
import { findScheduleFiles } from "./files.ts";
import { watchFolders } from "./watch-folders.ts";

export interface WatchOptions {
  /** How long to wait for a burst of changes to end. */
  readonly debounceMs?: number;
  /** Look at the files twice a second instead of asking the system to tell: for network file systems. */
  readonly poll?: boolean;
  /** The system cannot watch, for example because it has too many watches; then changes are noticed a little later. */
  readonly onError?: (error: unknown) => void;
}

export interface ScheduleWatch {
  /** Safe twice. Resolves when `onChange` will not be called again. */
  stop(): Promise<void>;
}

const POLL_MS = 500;
/** The system may lose events, and some file systems tell nothing at all, so now and then we look for ourselves. */
const LOOK_MS = 5000;

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
  let known = await fingerprint(paths, addContent);
  let looks = await fingerprint(paths, addLooks);
  const debounced = debounce(debounceMs, onError, async () => {
    if (!poll) await folders.renew();
    const present = await fingerprint(paths, addContent);
    if (present === known) return;
    known = present;
    onChange();
  });
  const folders = watchFolders(paths, debounced.call, onError);
  const looking = repeat(poll ? POLL_MS : LOOK_MS, onError, async () => {
    const present = await fingerprint(paths, addLooks);
    if (present !== looks) debounced.call();
    looks = present;
  });
  if (!poll) await folders.renew();
  // What changed while the watches were not there yet.
  debounced.call();
  return {
    stop: async () => {
      await Promise.all([looking.stop(), debounced.stop()]);
      folders.close();
    },
  };
}

async function fingerprint(
  paths: readonly string[],
  add: (hash: Hash, file: string) => Promise<unknown>,
): Promise<string> {
  const hash = createHash("sha256");
  const { files } = await findScheduleFiles(paths);
  for (const file of files) {
    hash.update(`\0${file}\0`);
    // Gone, or closed to us: loading will say so, and it is a change in any case.
    await add(hash, file).catch((error: unknown) => hash.update(String((error as NodeJS.ErrnoException).code)));
  }
  return hash.digest("hex");
}

/** In pieces as they are read: even a large file holds nothing up. A pipe would, for ever, so it is not opened. */
async function addContent(hash: Hash, file: string): Promise<void> {
  if (!(await stat(file)).isFile()) {
    hash.update("not a regular file");
    return;
  }
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
}

async function addLooks(hash: Hash, file: string): Promise<void> {
  const { ino, size, mtimeMs } = await stat(file);
  hash.update(`${ino} ${size} ${mtimeMs}`);
}

interface Repeated {
  stop(): Promise<void>;
}

interface Debounced extends Repeated {
  readonly call: () => void;
}

/** Runs `act` once a burst of calls is over, and never twice at a time. */
function debounce(waitMs: number, onError: (error: unknown) => void, act: () => Promise<void>): Debounced {
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  let isStopped = false;
  return {
    call: () => {
      clearTimeout(timer);
      if (isStopped) return;
      timer = setTimeout(() => {
        running = running.then(() => (isStopped ? undefined : act())).catch(onError);
      }, waitMs);
    },
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function repeat(everyMs: number, onError: (error: unknown) => void, act: () => Promise<void>): Repeated {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (;;) {
      await systemClock.sleep(untilRoundMs(systemClock, everyMs), stopping.signal);
      if (stopping.signal.aborted) return;
      await act().catch(onError);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
