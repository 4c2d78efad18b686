// Takes over edited schedule files while beat runs: all of them or nothing, and never silently.
import { ConfigError, messageOf, type Problem } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Entry } from "../schedule/entry.ts";
import { type ScheduleWatch, watchSchedules } from "../schedule/watch.ts";
import type { Service } from "../service.ts";

export interface ReloaderOptions {
  /** Files and folders to watch. */
  readonly paths: readonly string[];
  readonly reread: () => Promise<readonly Entry[]>;
  readonly apply: (entries: readonly Entry[]) => Promise<void>;
  readonly emit: Emit;
  /** For network file systems that tell nobody of changes. */
  readonly poll: boolean;
}

export class Reloader implements Service {
  readonly #options: ReloaderOptions;
  #watch: ScheduleWatch | null = null;
  /** Reloads run one after the other; a change during a reload starts exactly one more. */
  #running: Promise<void> | null = null;
  #isWanted = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { paths, poll } = this.#options;
    if (paths.length > 0) this.#watch = await watchSchedules(paths, () => void this.reload(), { poll });
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#running;
  }

  /** Resolves when a set of entries read after this call is in effect, or was refused. Never rejects. */
  reload(): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#reloadWhileWanted().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #reloadWhileWanted(): Promise<void> {
    const { reread, apply, emit } = this.#options;
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await apply(await reread());
      } catch (error) {
        emit({ type: "reload-failed", problems: problemsOf(error) });
      }
    }
  }
}

function problemsOf(error: unknown): readonly Problem[] {
  return error instanceof ConfigError ? error.problems : [{ message: messageOf(error) }];
}
