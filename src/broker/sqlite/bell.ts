// Tells that the file has changed: at once when another process says so by touching it, else at the next look.
import { type FSWatcher, utimesSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Clock } from "../../clock.ts";
import type { BrokerFile } from "./file.ts";

const lookEveryMs = 500;

interface Ringing {
  readonly stop: AbortController;
  readonly watcher: FSWatcher | undefined;
}

export class Bell {
  readonly #file: BrokerFile;
  readonly #clock: Clock;
  readonly #hearers = new Set<() => void>();
  #ringing: Ringing | undefined;
  #version = "";

  constructor(file: BrokerFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Returns the function that ends it. */
  hear(onRing: () => void): () => void {
    this.#hearers.add(onRing);
    this.#ringing ??= this.#start();
    return () => {
      this.#hearers.delete(onRing);
      if (this.#hearers.size === 0) this.#stop();
    };
  }

  /** To be called after a commit that others wait for. */
  ring(): void {
    this.#tellHearers();
    try {
      // The writes themselves would be seen too, but before the commit is: SQLite waits for the disk in between.
      const now = new Date(this.#clock.now());
      utimesSync(this.#file.path, now, now);
    } catch {
      // Only the owner of a file may do this. The others see it at their next look.
    }
  }

  #tellHearers(): void {
    for (const hearer of this.#hearers) hearer();
  }

  #start(): Ringing {
    const stop = new AbortController();
    void this.#keepLooking(stop.signal);
    return { stop, watcher: this.#watch() };
  }

  #stop(): void {
    this.#ringing?.stop.abort();
    this.#ringing?.watcher?.close();
    this.#ringing = undefined;
  }

  async #keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#look();
      await this.#clock.sleep(lookEveryMs, signal);
    }
  }

  /** Undefined where the system gives no watch: the looks must do. */
  #watch(): FSWatcher | undefined {
    const { path } = this.#file;
    try {
      const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(path)) this.#look();
      });
      return watcher.on("error", () => watcher.close());
    } catch {
      return undefined;
    }
  }

  #look(): void {
    const version = this.#readVersion();
    if (version === this.#version) return;
    this.#version = version;
    this.#tellHearers();
  }

  /** What is wrong with the file is found, and told, by whoever wants something from it. */
  #readVersion(): string {
    try {
      return this.#file.version;
    } catch {
      return `unknown at ${this.#clock.monotonic()}`;
    }
  }
}
