// The limits of single tasks on this worker: as their options say at first, and as remote control says since.
import type { App } from "../app/app.ts";
import { didYouMean, LovageError } from "../error.ts";
import type { TimeLimits } from "./policy.ts";

export interface TaskControlsOptions {
  readonly app: App;
  /** Puts a rate limit in force. @throws LovageError when it cannot be read */
  readonly limitRate: (task: string, rate: string | number | null) => void;
  readonly limitTime: (task: string, limits: TimeLimits) => void;
}

export class TaskControls {
  readonly #options: TaskControlsOptions;
  readonly #rates = new Map<string, string>();

  constructor(options: TaskControlsOptions) {
    this.#options = options;
    const { workerDisableRateLimits, taskDefaultRateLimit } = options.app.conf;
    if (workerDisableRateLimits) return;
    for (const [name, task] of options.app.tasks) {
      const rate = task.options.rateLimit ?? taskDefaultRateLimit;
      if (rate !== null && rate !== undefined) this.setRate(name, rate);
    }
  }

  /** The rate limit in force: `10/m`. */
  rateOf(task: string): string | undefined {
    return this.#rates.get(task);
  }

  /** @throws LovageError when there is no such task, or the rate cannot be read */
  setRate(task: string, rate: string | number | null): void {
    this.#checkTask(task);
    this.#options.limitRate(task, rate);
    const text = rate === null ? "" : String(rate);
    if (text === "" || text === "0") this.#rates.delete(task);
    else this.#rates.set(task, text);
  }

  /** @throws LovageError when there is no such task */
  setTimeLimits(task: string, limits: TimeLimits): void {
    this.#checkTask(task);
    this.#options.limitTime(task, limits);
  }

  #checkTask(name: string): void {
    const { tasks } = this.#options.app;
    if (tasks.has(name)) return;
    const near = didYouMean(name, tasks.keys());
    const details = near === null ? {} : { hint: `did you mean ${near}?` };
    throw new LovageError("usage", `unknown task ${name}`, details);
  }
}
