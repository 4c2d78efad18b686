// The options that commands share, in Celery's words.
import { type Command, InvalidArgumentError, Option } from "commander";
import { type LoggerOptions, parseLevel } from "../log.ts";
import type { WatchOptions } from "./watch-options.ts";

export interface CommonOptions {
  readonly app?: string;
  readonly broker?: string;
  readonly resultBackend?: string;
  readonly workdir?: string;
  readonly config?: string;
  /** Further modules with tasks. */
  readonly include?: readonly string[];
  readonly quiet?: boolean;
  /** False with `-C`. */
  readonly color: boolean;
}

export interface ScheduleOptions extends CommonOptions {
  /** Celery's `-s`: the beat-record. */
  readonly schedule?: string;
  readonly schedules?: readonly string[];
  readonly scope?: string;
}

/** Of a command that runs for long. */
export interface LogOptions {
  readonly loglevel: string;
  readonly logfile?: string;
  readonly logFormat: "text" | "json";
}

export interface BeatCommandOptions extends ScheduleOptions, LogOptions, WatchOptions {
  readonly scheduler?: string;
  readonly maxInterval?: number;
  readonly pidfile?: string;
  readonly watchPoll?: boolean;
  /** The node name, as written. */
  readonly hostname?: string;
  readonly withoutRemote?: boolean;
  /** A worker runs this beat (`-B`), and ends it. */
  readonly embedded?: boolean;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("-A, --app <app>", "the app: `proj` for ./proj.ts, ./proj/index.ts and the like, or `proj:name`")
    .option("-b, --broker <url>", "redis://, rediss://, sentinel://, sqlite:///path or memory://")
    .option("--result-backend <url>", "where results are kept: redis://, sqlite:///path or memory://")
    .option("--workdir <folder>", "change to this folder first")
    .option("--config <module>", "settings from a module or a file: celeryconfig, ./settings.yaml")
    .option("-I, --include <modules>", "further modules with tasks, separated by commas", commaList)
    .option("-q, --quiet", "no banner")
    .option("-C, --no-color", "no colours");
}

export function addScheduleOptions(command: Command): Command {
  return addCommonOptions(command)
    .option("-s, --schedule <place>", "the beat-record: a file, redis://... for all beats, :memory: for nowhere")
    .option("--schedules <path>", "a schedule file, or a folder of them; may be given again", collect)
    .option("--scope <name>", "beats with one scope share one schedule (default: the app's name)");
}

/** What a command that runs for long says of its log. */
export function addLogOptions(command: Command): Command {
  return command
    .option("-l, --loglevel <level>", "DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL", level, "INFO")
    .option("-f, --logfile <file>", "log to this file (default: stderr)")
    .addOption(new Option("--log-format <format>", "how the log is written").choices(["text", "json"]).default("text"));
}

/** @param name which program speaks: `beat`, `worker` */
export function loggerOptions(options: LogOptions & { readonly color: boolean }, name: string): LoggerOptions {
  const { loglevel: level, logfile: file, logFormat: format, color } = options;
  return { level, file, format, color, name };
}

function level(text: string): string {
  try {
    parseLevel(text);
    return text;
  } catch {
    throw new InvalidArgumentError("It takes DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL.");
  }
}

/** `a,b` and `-Q a -Q b` alike. */
export function commaList(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const given = names.filter((name) => name !== "");
  if (given.length === 0) throw new InvalidArgumentError("It takes one or more names, separated by commas.");
  return [...before, ...given];
}

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least)) throw new InvalidArgumentError(`It takes a whole number from ${least}.`);
    return number;
  };
}

export function positiveSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds > 0 && seconds <= 2_000_000)) throw new InvalidArgumentError("It takes a number of seconds above 0.");
  return seconds;
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
