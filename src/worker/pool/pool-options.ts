// What a pool is made with: its size, its limits, and either the function that runs a job or the module to fork.
import type { OnStop } from "../../app/run-to-end.ts";
import type { Clock } from "../../clock.ts";
import type { Emit } from "../../event.ts";
import type { Job, Outcome } from "../job.ts";
import type { JobHooks } from "./pool.ts";

export interface RunHooks extends JobHooks {
  /** Takes what is to be called when the job is to end: its time is up, or somebody terminated it. */
  readonly onStop?: OnStop;
}

/** Runs a job in this process. It should not reject; if it does all the same, the job has failed with that. */
export type RunInProcess = (job: Job, hooks: RunHooks) => Promise<Outcome>;

/** The module that a child process of prefork runs: it loads the app and calls `serveJobs`. */
export interface ChildModule {
  /** A file URL or a path. TypeScript is run through tsx. */
  readonly module: URL | string;
  readonly args: readonly string[];
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface PoolOptions {
  /** How many jobs at once, 1 or more. */
  readonly size: number;
  /** For `async` and `solo`. */
  readonly run: RunInProcess;
  /** For `prefork`. */
  readonly child: ChildModule;
  /** A child is replaced after so many jobs; null: never. */
  readonly maxTasksPerChild?: number | null;
  /** A child that uses more than so many KiB is replaced after its job; null: never. */
  readonly maxMemoryPerChildKiB?: number | null;
  /** How long a child may take to load the app. Less than 30 s counts as 30 s: TypeScript projects load slowly. */
  readonly procAliveTimeoutMs?: number;
  /** How long after a child's end its last messages are waited for. Default 10 s. */
  readonly lostWaitMs?: number;
  /** The worker's own limits, hard and soft, in seconds, for `stats()`; 0: none. */
  readonly timeouts?: readonly [hard: number, soft: number];
  readonly emit: Emit;
  readonly clock: Clock;
}
