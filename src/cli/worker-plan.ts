// Everything that options and settings decide about a worker, checked before anything of it runs.
import { availableParallelism } from "node:os";
import type { AppSettingsInput } from "../app/conf.ts";
import type { BoundQueue } from "../broker/consumer.ts";
import { LovageError } from "../error.ts";
import { schemeOf } from "../redis/url.ts";
import { expandNode, nodeName } from "../remote/node-name.ts";
import { type PoolKind, poolKind } from "../worker/pool/open.ts";
import { type OpenedApp, openApp, publishUrl } from "./open.ts";
import type { Autoscale, WorkerCommandOptions } from "./worker-options.ts";
import { chooseQueues } from "./worker-queues.ts";
import { refuseWatchOptions } from "./watch-options.ts";

export interface WorkerPlan extends OpenedApp {
  readonly options: WorkerCommandOptions;
  /** The node name: `celery@host`. */
  readonly node: string;
  readonly queues: readonly BoundQueue[];
  /** As the user wrote it. */
  readonly poolName: string;
  readonly pool: PoolKind;
  /** Tasks at once, to begin with. */
  readonly concurrency: number;
  readonly autoscale: Autoscale | null;
  readonly logFile: string | undefined;
  /** For `--statedb`. */
  readonly stateFile: string | null;
}

/**
 * Opens the app and decides.
 *
 * @throws ConfigError or LovageError for every mistake in the project, its settings or the options
 */
export async function planWorker(options: WorkerCommandOptions): Promise<WorkerPlan> {
  const node = nodeName(options.hostname);
  const opened = await openApp(options, workerSettings(options));
  const { conf } = opened.app;
  const pool = poolKind(conf.workerPool);
  refuseContradictions(opened, options, pool);
  const autoscale = options.autoscale ?? null;
  const most = pool === "solo" ? 1 : (conf.workerConcurrency ?? availableParallelism());
  const { workerStateDb } = conf;
  return {
    ...opened,
    options,
    node,
    queues: chooseQueues(opened.app, options, node),
    poolName: conf.workerPool,
    pool,
    concurrency: autoscale?.min ?? most,
    autoscale,
    logFile: logFileOf(options, node),
    stateFile: workerStateDb === null ? null : expandNode(workerStateDb, node),
  };
}

function refuseContradictions(opened: OpenedApp, options: WorkerCommandOptions, pool: PoolKind): void {
  const { autoscale, beat } = options;
  if (beat !== true) refuseWatchOptions(options);
  if (pool === "solo" && autoscale !== undefined) {
    const hint = "leave it out, or choose -P prefork or -P async";
    throw new LovageError("usage", "--autoscale: the solo pool runs one task at a time", { hint });
  }
  if (beat === true && schemeOf(publishUrl(opened)) === "memory") {
    const hint = "leave -b out for the embedded broker, which processes share";
    throw new LovageError("usage", "-B: beat is a process of its own, and memory:// does not leave this one", { hint });
  }
}

/** Relative to `--workdir`, where the worker changes to first. A detached worker has no terminal to log to. */
export function logFileOf({ logfile, detach }: WorkerCommandOptions, node: string): string | undefined {
  const file = logfile ?? (detach === true ? "worker.log" : undefined);
  return file === undefined ? undefined : expandNode(file, node);
}

/** What the options say in terms of settings, so that pool processes and remote control see it too. */
export function workerSettings(options: WorkerCommandOptions): AppSettingsInput {
  return {
    workerConcurrency: options.concurrency,
    workerPool: options.pool,
    workerPrefetchMultiplier: options.prefetchMultiplier,
    workerMaxTasksPerChild: options.maxTasksPerChild,
    workerMaxMemoryPerChild: options.maxMemoryPerChild,
    workerSendTaskEvents: options.taskEvents === true || options.events === true ? true : undefined,
    workerStateDb: options.statedb,
    taskTimeLimit: options.timeLimit,
    taskSoftTimeLimit: options.softTimeLimit,
  };
}
