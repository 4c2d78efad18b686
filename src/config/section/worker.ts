// Settings of workers, of the events they send and of the remote control they obey.
import type { z } from "zod";
import { count, flag, jsonOnly, optionalCount, optionalText, seconds, text } from "./value.ts";

export const worker = {
  /** Tasks at a time; null: as many as the machine has processors. */
  workerConcurrency: optionalCount,
  /** `prefork`, `async` or `solo`. */
  workerPool: text.default("prefork"),
  /** Messages to hold in advance, for each unit of concurrency; 0: no bound. */
  workerPrefetchMultiplier: count.default(4),
  workerDisablePrefetch: flag.default(false),
  /** The most tasks with an eta to hold at once. */
  workerEtaTaskLimit: optionalCount,
  /** A child process is replaced after so many tasks. */
  workerMaxTasksPerChild: optionalCount,
  /** A child process is replaced when it holds more than so many KiB. */
  workerMaxMemoryPerChild: optionalCount,
  /** Seconds to wait for the result of a task whose child process died. */
  workerLostWait: seconds.default(10),
  /** Seconds for a child process to come up. */
  workerProcAliveTimeout: seconds.default(4),
  /** Seconds between a first stop and the cancelling of what still runs; 0: no such phase. */
  workerSoftShutdownTimeout: seconds.default(0),
  workerDeduplicateSuccessfulTasks: flag.default(false),
  workerDisableRateLimits: flag.default(false),
  workerEnableRemoteControl: flag.default(true),
  /** Send the events that monitors read (`-E`). */
  workerSendTaskEvents: flag.default(false),
  /** Also consume from a queue of the worker's own. */
  workerDirect: flag.default(false),
  /** A file for what was revoked. */
  workerStateDb: optionalText,
  /** Let pool children be restarted by remote control. */
  workerPoolRestarts: flag.default(false),
  eventExchange: text.default("celeryev"),
  eventSerializer: jsonOnly.default("json"),
  controlExchange: text.default("celery"),
} satisfies z.ZodRawShape;
