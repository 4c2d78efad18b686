// A commit counts when it is on the disk. SQLite would wait for that on the main thread; this waits beside it, and all
// commits made meanwhile share one wait.
import { close, closeSync, fdatasync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

const syncData = promisify(fdatasync);
const closeFile = promisify(close);

export class WalSync {
  readonly #path: string;
  #file: number | null = null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** @param path of the record; its WAL must exist when {@link sync} is first called */
  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when everything committed before the call is on the disk. */
  sync(): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#run();
    const run = (): Promise<void> => this.#run();
    this.#next = this.#running.then(run, run);
    return this.#next;
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => undefined);
    if (this.#file !== null) await closeFile(this.#file);
    this.#file = null;
  }

  #run(): Promise<void> {
    this.#next = null;
    this.#file ??= this.#open();
    this.#running = syncData(this.#file).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  #open(): number {
    syncFolder(dirname(this.#path));
    return openSync(`${this.#path}-wal`, "r+");
  }
}

/** So that the names of new files survive a power failure too. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
