// What a keeper of results owes: take outcomes in batches, give them back, and wake who waits for one.
import type { ResultMeta, ResultRecord } from "../protocol/result-meta.ts";
import { type ErrorDetails, LovageError } from "../error.ts";
import type { ChordKeeper } from "./chord.ts";

export interface ResultBackend {
  /** For people, without its password. */
  readonly url: string;
  /** Whether results go by themselves when they expire; else {@link cleanup} must be called from time to time. */
  readonly expiresByItself: boolean;
  /** Absent where chords cannot be kept: nobody else could count what different workers have done. */
  readonly chords?: ChordKeeper;
  /**
   * Keeps the records and tells those who wait. As in Celery, a SUCCESS stands: a later record of another state for the
   * same task does not replace it.
   *
   * @throws LovageError("result") when the backend is out of reach: the same batch may be put again. ResultRefusedError,
   * or LovageError("config") for a record that cannot be written, when it would say the same tomorrow
   */
  put(records: readonly ResultRecord[]): Promise<void>;
  /** In the order of the ids; null for a task that nothing is known of. */
  get(ids: readonly string[]): Promise<readonly (ResultMeta | null)[]>;
  /**
   * Resolves with the meta as soon as the task is ready; with null when `signal` is aborted first. It survives a lost
   * connection. `onMeta` hears of every state on the way.
   */
  wait(id: string, options?: WaitOptions): Promise<ResultMeta | null>;
  /** Removes what is known of the tasks. */
  forget(ids: readonly string[]): Promise<void>;
  /** Removes what has expired; resolves with how many. */
  cleanup(): Promise<number>;
  close(): Promise<void>;
}

/** The backend answered that it will not take this, and would not tomorrow: no permission, a value that is too large. */
export class ResultRefusedError extends LovageError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("result", message, details);
  }
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly onMeta?: (meta: ResultMeta) => void;
}
