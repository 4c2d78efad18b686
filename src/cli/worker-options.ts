// The options of the worker, in Celery's words.
import { type Command, InvalidArgumentError, Option } from "commander";
import { LovageError, messageOf } from "../error.ts";
import { nodeName } from "../remote/node-name.ts";
import { poolKind } from "../worker/pool/open.ts";
import {
  addLogOptions,
  addScheduleOptions,
  commaList,
  type LogOptions,
  positiveSeconds,
  type ScheduleOptions,
  wholeNumber,
} from "./options.ts";
import { addWatchOptions, type WatchOptions } from "./watch-options.ts";

export interface WorkerCommandOptions extends ScheduleOptions, LogOptions, WatchOptions {
  readonly hostname?: string;
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
  readonly concurrency?: number;
  readonly pool?: string;
  readonly autoscale?: Autoscale;
  readonly prefetchMultiplier?: number;
  readonly maxTasksPerChild?: number;
  /** KiB */
  readonly maxMemoryPerChild?: number;
  /** Seconds. */
  readonly timeLimit?: number;
  /** Seconds. */
  readonly softTimeLimit?: number;
  readonly taskEvents?: boolean;
  readonly events?: boolean;
  readonly beat?: boolean;
  /** A store of one's own for the embedded beat. */
  readonly scheduler?: string;
  readonly statedb?: string;
  readonly purge?: boolean;
  readonly discard?: boolean;
  readonly withoutHeartbeat?: boolean;
  readonly pidfile?: string;
  readonly detach?: boolean;
  /** This is the process that `--detach` has started. */
  readonly detached?: boolean;
  /** Celery's `-O`. */
  readonly optimization?: string;
}

/** Celery's, for changing what a process is before it runs; Node cannot do that safely in time. */
const refused = ["uid", "gid", "umask", "executable"] as const;

export interface Autoscale {
  readonly max: number;
  readonly min: number;
}

export function addWorkerOptions(command: Command): Command {
  addWatchOptions(addLogOptions(addScheduleOptions(command)))
    .option(
      "-Q, --queues <queues>",
      "the queues to consume, separated by commas (default: those of the app)",
      commaList,
    )
    .option("-X, --exclude-queues <queues>", "queues not to consume", commaList)
    .option("-c, --concurrency <number>", "tasks at once (default: the number of processors)", wholeNumber(1))
    .option("-P, --pool <pool>", "prefork (child processes), async (in this process) or solo (one at a time)", pool)
    .option("-n, --hostname <name>", "the node name; %h host, %n its first part, %d domain (default: celery@%h)", node)
    .option("-E, --task-events", "send the events that monitors read")
    .option("-B, --beat", "run beat along, as a process of its own")
    .option("--scheduler <module:Class>", "with -B, a store of your own: ./my-store.ts:MyStore")
    .option("--autoscale <max,min>", "as many at once as there is work for, between the two", autoscale)
    .option("--prefetch-multiplier <number>", "messages to hold for each task at once; 0: no bound", wholeNumber(0))
    .option("--max-tasks-per-child <number>", "replace a child process after so many tasks", wholeNumber(1))
    .option("--max-memory-per-child <KiB>", "replace a child process that holds more than so much", wholeNumber(1))
    .option("--time-limit <seconds>", "end a task by force after so long", positiveSeconds)
    .option("--soft-time-limit <seconds>", "tell a task to come to an end after so long", positiveSeconds)
    .option("-S, --statedb <file>", "keep in this file which tasks are revoked", stateFile)
    .option("--purge", "first throw away all messages of the queues")
    .option("--pidfile <file>", "write the process id here, and refuse to start while that process runs")
    .option("-D, --detach", "run in the background, and log to -f (default: worker.log)")
    .option("--without-heartbeat", "send no heartbeats");
  for (const option of hiddenOptions()) command.addOption(option);
  return command;
}

/** Other spellings, and what a Celery user may write that changes nothing here. */
function hiddenOptions(): readonly Option[] {
  const hidden = [
    new Option("--events"),
    new Option("--discard"),
    new Option("--without-gossip"),
    new Option("--without-mingle"),
    new Option("-O, --optimization <profile>"),
    new Option("--detached"),
    ...refused.map((name) => new Option(`--${name} <value>`)),
  ];
  return hidden.map((option) => option.hideHelp());
}

function node(text: string): string {
  try {
    nodeName(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(`It takes a name such as w1@%h: ${messageOf(error)}.`);
  }
}

function pool(text: string): string {
  try {
    poolKind(text);
    return text;
  } catch (error) {
    if (!(error instanceof LovageError)) throw error;
    throw new InvalidArgumentError(`${error.message}: ${error.hint ?? ""}`);
  }
}

/** In beat `-S` is something else: who means that should not get a file of that name. */
function stateFile(text: string): string {
  if (!/\.[mc]?[jt]s:\w+$/.test(text)) return text;
  throw new InvalidArgumentError("It takes a file for what is revoked, as in Celery; a store for beat is --scheduler.");
}

function autoscale(text: string): Autoscale {
  const [, first, second = "0"] = /^(\d{1,6})(?:,(\d{1,6}))?$/.exec(text) ?? [];
  const sizes = [Number(first), Number(second)];
  const max = Math.max(...sizes);
  if (!(max >= 1)) throw new InvalidArgumentError("It takes two whole numbers: 10,3 is from 3 to 10 tasks at once.");
  return { max, min: Math.max(1, Math.min(...sizes)) };
}

/** @throws LovageError("usage") for what Celery's worker can do and this one cannot */
export function refuseOptions(options: Readonly<Record<string, unknown>>): void {
  const given = refused.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const hint = "start the worker as that user: User= and UMask= in a systemd unit, USER in a Dockerfile, or setpriv";
  throw new LovageError("usage", `--${given} is not supported`, { hint });
}
