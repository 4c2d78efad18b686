// Takes over edited schedule files while beat runs: all of them or nothing, and never silently.
import { ConfigError, messageOf, type Problem } from "../error.ts";
import type { Emit } from "../event.ts";
import type { Entry } from "../schedule/entry.ts";
import { type ScheduleWatch, watchSchedules } from "../schedule/watch.ts";

export interface ReloaderOptions {
  readonly emit: Emit;
  /** For network file systems that tell nobody of changes. */
  readonly poll: boolean;
}

export interface Reload {
  readonly reread: () => Promise<readonly Entry[]>;
  readonly apply: (entries: readonly Entry[]) => Promise<void>;
}

export class Reloader {
  readonly #options: ReloaderOptions;
  #watch: ScheduleWatch | null = null;
  #reload: Reload | null = null;
  /** Reloads run one after the other; a change during a reload starts exactly one more. */
  #running: Promise<void> | null = null;
  #isWanted = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  /** To be called before the files are read for the first time, so that no change falls in between. */
  async watch(paths: readonly string[]): Promise<void> {
    const { poll, emit } = this.#options;
    const onError = (error: unknown): void =>
      emit({
        type: "failure",
        where: "watching schedule files (send SIGHUP after a change)",
        reason: messageOf(error),
      });
    if (paths.length > 0) this.#watch = await watchSchedules(paths, () => void this.reload(), { poll, onError });
  }

  /** From now on changes are applied, and those that came before are made up for. */
  connect(reload: Reload): void {
    this.#reload = reload;
    if (this.#isWanted) void this.reload();
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#running;
  }

  /** Resolves when a set of entries read after this call is in effect, or was refused. Never rejects. */
  reload(): Promise<void> {
    this.#isWanted = true;
    const reload = this.#reload;
    if (reload === null) return Promise.resolve();
    this.#running ??= this.#reloadWhileWanted(reload).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #reloadWhileWanted({ reread, apply }: Reload): Promise<void> {
    const { emit } = this.#options;
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
