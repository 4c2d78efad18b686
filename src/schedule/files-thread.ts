// The main thread's end of checking large schedule files elsewhere: asks for one slice of checked entries after the other, so
// that its own work comes in pieces of a few milliseconds, with room for everything else in between.
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { systemClock } from "../clock.ts";
import type { Problem } from "../error.ts";
import { ConfigError } from "../error.ts";
import type { Entry } from "./entry.ts";
import { buildEntry } from "./parse-entry.ts";
import type { CheckedEntry, FileDefaults } from "./parse-file.ts";

export interface ThreadTask {
  readonly file: string;
  readonly defaults: FileDefaults;
  /** Of the entries that this thread has of the file; see files-digest.ts. */
  readonly known: Uint8Array | null;
}

/** A file to begin with, or null: go on. */
export type ThreadRequest = ThreadTask | null;

/** An entry to be built; or the place of one that is known, and where it is written now. */
export type SliceItem = CheckedEntry | { readonly index: number; readonly source: string };

/** What the thread answers to each request; `digests` comes at the end. */
export type ThreadAnswer =
  | { readonly items: readonly SliceItem[] }
  | { readonly digests: Uint8Array }
  | { readonly problems: readonly Problem[] }
  | { readonly failure: ThreadFailure };

/** An error loses all but its message on its way between threads. */
export type ThreadFailure = Pick<NodeJS.ErrnoException, "message" | "code" | "syscall">;

interface KnownFile {
  readonly entries: readonly Entry[];
  readonly digests: Uint8Array;
}

/** What each file held when it was last read whole: an entry that is written as it was remains the same object. */
const knownFiles = new Map<string, KnownFile>();

/** Files that are gone, or read elsewhere, are not kept in memory. */
export function forgetOtherFiles(files: readonly string[]): void {
  const kept = new Set(files);
  for (const file of knownFiles.keys()) if (!kept.has(file)) knownFiles.delete(file);
}

/** A turn of the event loop that takes longer means that others have work to do. */
const BUSY_MS = 3;
const REST_MS = 10;
/** Per file: somebody may be busy all the time. */
const RESTS = 200;

export class FilesThread {
  readonly #worker = startThread();

  /** @throws ConfigError with every mistake in the file, and the error of reading it. */
  async load(file: string, defaults: FileDefaults): Promise<readonly Entry[]> {
    const before = knownFiles.get(file) ?? { entries: [], digests: null };
    const entries: Entry[] = [];
    let rests = RESTS;
    let answer = await this.#ask({ file, defaults, known: before.digests });
    while ("items" in answer) {
      for (const item of answer.items) entries.push("data" in item ? build(item) : placed(before.entries, item));
      if (rests > 0 && (await isBusy())) {
        rests -= 1;
        await systemClock.sleep(REST_MS);
      }
      answer = await this.#ask(null);
    }
    knownFiles.set(file, { entries, digests: answer.digests });
    return Object.freeze(entries);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask(request: ThreadRequest): Promise<Extract<ThreadAnswer, { items: unknown } | { digests: unknown }>> {
    this.#worker.postMessage(request, []);
    // An error in the thread itself makes this throw.
    const [answer] = (await once(this.#worker, "message")) as [ThreadAnswer];
    if ("problems" in answer) throw new ConfigError(answer.problems);
    if ("failure" in answer) throw Object.assign(new Error(answer.failure.message), answer.failure);
    return answer;
  }
}

async function isBusy(): Promise<boolean> {
  const askedAt = systemClock.monotonic();
  await setImmediate();
  return systemClock.monotonic() - askedAt > BUSY_MS;
}

/** The thread has built it once already, so it can be built. */
function build({ data, place }: CheckedEntry): Entry {
  const built = buildEntry(data, place);
  if ("entry" in built) return built.entry;
  throw new ConfigError(built.issues.map(({ message, hint }) => ({ file: place.source, message, hint })));
}

function placed(
  known: readonly Entry[],
  { index, source }: { readonly index: number; readonly source: string },
): Entry {
  const entry = known[index];
  if (entry === undefined) throw new RangeError(`entry ${index} is not known`);
  return entry.source === source ? entry : movedTo(entry, source);
}

/** Key by key: put together from parts, each would take more memory. */
function movedTo(entry: Entry, source: string): Entry {
  return Object.freeze({
    name: entry.name,
    task: entry.task,
    args: entry.args,
    kwargs: entry.kwargs,
    options: entry.options,
    schedule: entry.schedule,
    timezone: entry.timezone,
    enabled: entry.enabled,
    jitterMs: entry.jitterMs,
    missed: entry.missed,
    missedWithinMs: entry.missedWithinMs,
    overlap: entry.overlap,
    overlapLimitMs: entry.overlapLimitMs,
    ping: entry.ping,
    maxRuns: entry.maxRuns,
    description: entry.description,
    scheduleHash: entry.scheduleHash,
    source,
  });
}

/** Run from source, the thread has to learn TypeScript first: loaders are not inherited everywhere. */
function startThread(): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL("./files-worker.js", import.meta.url));
  const script = JSON.stringify(new URL("./files-worker.ts", import.meta.url).href);
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${script}); })`;
  return new Worker(start, { eval: true, execArgv: [] });
}
