// The main thread's end of checking a large schedule file elsewhere: asks for one slice of checked entries after the other,
// so that its own work comes in pieces of a few milliseconds, with room for everything else in between.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Problem } from "../error.ts";
import { ConfigError } from "../error.ts";
import type { Entry } from "./entry.ts";
import { buildEntry } from "./parse-entry.ts";
import type { CheckedEntry, FileDefaults } from "./parse-file.ts";

/** What the thread is started with. */
export interface ThreadTask {
  readonly file: string;
  readonly defaults: FileDefaults;
}

/** What the thread answers to each request; `entries` is empty at the end. */
export type ThreadAnswer =
  | { readonly entries: readonly CheckedEntry[] }
  | { readonly problems: readonly Problem[] }
  | { readonly failure: ThreadFailure };

/** An error loses all but its message on its way between threads. */
export type ThreadFailure = Pick<NodeJS.ErrnoException, "message" | "code" | "syscall">;

/** @throws ConfigError with every mistake in the file, and the error of reading it. */
export async function loadInThread(file: string, defaults: FileDefaults): Promise<readonly Entry[]> {
  const worker = startThread({ file, defaults });
  try {
    const entries: Entry[] = [];
    for (;;) {
      const slice = await ask(worker);
      if (slice.length === 0) return Object.freeze(entries);
      for (const { data, place } of slice) entries.push(build(data, place));
    }
  } finally {
    await worker.terminate();
  }
}

async function ask(worker: Worker): Promise<readonly CheckedEntry[]> {
  worker.postMessage("next", []);
  // An error in the thread itself makes this throw.
  const [answer] = (await once(worker, "message")) as [ThreadAnswer];
  if ("problems" in answer) throw new ConfigError(answer.problems);
  if ("failure" in answer) throw Object.assign(new Error(answer.failure.message), answer.failure);
  return answer.entries;
}

/** The thread has built it once already, so it can be built. */
function build(data: CheckedEntry["data"], place: CheckedEntry["place"]): Entry {
  const built = buildEntry(data, place);
  if ("entry" in built) return built.entry;
  throw new ConfigError(built.issues.map(({ message, hint }) => ({ file: place.source, message, hint })));
}

/** Run from source, the thread has to learn TypeScript first: loaders are not inherited everywhere. */
function startThread(workerData: ThreadTask): Worker {
  if (!import.meta.url.endsWith(".ts"))
    return new Worker(new URL("./files-worker.js", import.meta.url), { workerData });
  const script = JSON.stringify(new URL("./files-worker.ts", import.meta.url).href);
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${script}); })`;
  return new Worker(start, { workerData, eval: true, execArgv: [] });
}
