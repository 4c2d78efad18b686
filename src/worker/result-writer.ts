// Results on their way to the backend: in order, many at once, and again until they are taken.
import { type BackoffOptions, backoff } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import type { ResultRecord } from "../protocol/result-meta.ts";
import type { ResultBackend } from "../result/result.ts";

export interface ResultWriterOptions {
  /** Null: results are not kept. */
  readonly backend: ResultBackend | null;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly ending: AbortSignal;
}

interface Waiting {
  readonly record: ResultRecord;
  readonly resolve: () => void;
}

/** Beyond this the worker starts nothing new until the backend is back: results live in memory meanwhile. */
const mostWaiting = 1000;
const mostPerBatch = 500;
const retry: BackoffOptions = { firstMs: 200, mostMs: 10_000 };

export class ResultWriter {
  readonly #options: ResultWriterOptions;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;

  constructor(options: ResultWriterOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#waiting.length >= mostWaiting;
  }

  /** How many are not stored yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the record is stored; or when the worker ends first, having said so. */
  put(record: ResultRecord): Promise<void> {
    if (this.#options.backend === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ record, resolve });
      this.#writing ??= this.#write().finally(() => {
        this.#writing = null;
      });
    });
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    // What comes in the same turn of the loop goes with the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, mostPerBatch);
      await this.#store(batch.map(({ record }) => record));
      this.#waiting = this.#waiting.slice(batch.length);
      for (const { resolve } of batch) resolve();
    }
  }

  async #store(records: readonly ResultRecord[]): Promise<void> {
    const { backend, emit, clock, ending } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await backend?.put(records);
        if (attempt > 0) emit({ type: "results-recovered", waiting: this.#waiting.length });
        return;
      } catch (error) {
        const retryInMs = backoff(attempt, retry);
        emit({ type: "results-failed", reason: messageOf(error), waiting: this.#waiting.length, retryInMs });
        if (ending.aborted) return;
        await clock.sleep(retryInMs, ending);
      }
    }
  }
}
