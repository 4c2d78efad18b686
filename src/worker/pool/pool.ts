// What a pool owes: run jobs, so many at once, and always say what came of each, whatever the task's code does.
import type { Instant } from "../../clock.ts";
import type { Service } from "../../service.ts";
import type { Job, Outcome } from "../job.ts";

export interface Pool extends Service {
  readonly kind: "prefork" | "async" | "solo";
  /** How many jobs it runs at once. */
  readonly size: number;
  /** How many more it would start at once now. */
  readonly free: number;
  /** Calls the listener whenever there may be more room for a reason other than the end of a job: a new child is ready. */
  onRoom(listener: () => void): void;
  /**
   * Runs a job; beyond `size` it waits for its turn. Never rejects: a task that throws, a process that dies, a time limit
   * are outcomes.
   */
  run(job: Job, hooks: JobHooks): Promise<Outcome>;
  /**
   * Ends a running job; its outcome is REVOKED. In the worker's own process a task can only be asked to stop, through its
   * signal, and goes on unheard if it does not. False when no such job runs.
   *
   * @throws LovageError when there is no such signal
   */
  terminate(id: string, signal: NodeJS.Signals): boolean;
  resize(size: number): Promise<void>;
  /** Replaces all child processes, each when its present job is done. */
  restart(): Promise<void>;
  /** For `inspect stats`, in Celery's words: `max-concurrency`, `processes`, `max-tasks-per-child`, `timeouts`. */
  stats(): Readonly<Record<string, unknown>>;
  /** Process ids of children, or the worker's own. */
  readonly processes: readonly number[];
  /** Resolves when all running jobs are done; what has not begun comes back as REJECTED, to be put back. */
  stop(): Promise<void>;
  /** Ends at once: what still runs is killed, and its outcome is FAILURE with cause `worker-lost`. */
  kill(): Promise<void>;
}

export interface JobHooks {
  /** The task's function is about to be called. */
  onStart(pid: number, at: Instant): void;
  /** `this.updateState(state, meta)`; the meta as JSON text. */
  onState(state: string, metaText: string): void;
}
