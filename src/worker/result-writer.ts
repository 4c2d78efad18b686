// Results on their way to the backend: in order, many at once, and again until they are taken.
import { type BackoffOptions, backoff } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { LovageError, messageOf } from "../error.ts";
import type { Emit } from "../event.ts";
import { isReady, type ResultRecord } from "../protocol/result-meta.ts";
import { type ResultBackend, ResultRefusedError } from "../result/result.ts";

export interface ResultWriterOptions {
  /** Null: results are not kept. */
  readonly backend: ResultBackend | null;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly ending: AbortSignal;
  /** Called when it is full no longer. */
  readonly onRoom?: () => void;
}

interface Waiting {
  readonly record: ResultRecord;
  readonly resolve: () => void;
}

/** Beyond this the worker starts nothing new until the backend is back: results live in memory meanwhile. */
const mostWaiting = 1000;
const mostPerBatch = 500;
/** What comes while a batch is under way comes often: it waits this long for company. */
const gatherMs = 1;
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
      this.#writing ??= this.#write();
    });
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    // What comes in the same turn of the loop goes with the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    for (let isFirst = true; this.#waiting.length > 0; isFirst = false) {
      if (!isFirst) await new Promise((resolve) => setTimeout(resolve, gatherMs));
      const batch = this.#waiting.slice(0, mostPerBatch);
      await this.#store(batch.map(({ record }) => record));
      const wasFull = this.isFull;
      this.#waiting = this.#waiting.slice(batch.length);
      for (const { resolve } of batch) resolve();
      if (wasFull) this.#options.onRoom?.();
    }
    // Here, and not a turn later: what is put from now on begins a new round.
    this.#writing = null;
  }

  async #store(records: readonly ResultRecord[]): Promise<void> {
    const { backend, emit, clock, ending } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await backend?.put(records);
        if (attempt > 0) emit({ type: "results-recovered", waiting: this.#waiting.length });
        return;
      } catch (error) {
        if (!isPassing(error)) {
          await this.#storeApart(records, error);
          return;
        }
        const retryInMs = backoff(attempt, retry);
        emit({ type: "results-failed", reason: messageOf(error), waiting: this.#waiting.length, retryInMs });
        if (ending.aborted) return;
        await clock.sleep(retryInMs, ending);
      }
    }
  }

  /** One of them is refused: it must not keep the others back. In its place goes why it could not be kept. */
  async #storeApart(records: readonly ResultRecord[], error: unknown): Promise<void> {
    const [first, ...others] = records;
    if (others.length > 0) {
      for (const record of records) await this.#store([record]);
      return;
    }
    if (first === undefined) return;
    const reason = `the result of ${first.taskId} is refused: ${messageOf(error)}`;
    this.#options.emit({ type: "failure", where: "results", reason });
    if (isReady(first.state) && first.state !== "FAILURE") await this.#store([unkept(first, error)]);
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof LovageError && error.code === "result" && !(error instanceof ResultRefusedError);
}

function unkept({ taskId, doneAt }: ResultRecord, error: unknown): ResultRecord {
  const exception = { exc_type: "EncodeError", exc_message: [messageOf(error)], exc_module: "kombu.exceptions" };
  const resultText = JSON.stringify(exception);
  return { taskId, state: "FAILURE", resultText, traceback: null, children: [], doneAt };
}
