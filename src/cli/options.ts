// The options that commands share, in Celery's words.
import type { Command } from "commander";

export interface CommonOptions {
  readonly app?: string;
  readonly broker?: string;
  readonly resultBackend?: string;
  readonly workdir?: string;
  readonly config?: string;
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

export interface BeatCommandOptions extends ScheduleOptions {
  readonly scheduler?: string;
  readonly loglevel: string;
  readonly logfile?: string;
  readonly logFormat: string;
  readonly maxInterval?: number;
  readonly pidfile?: string;
  readonly watchPoll?: boolean;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("-A, --app <app>", "the app: `proj` for ./proj.ts, ./proj/index.ts and the like, or `proj:name`")
    .option("-b, --broker <url>", "redis://, rediss://, sentinel://, sqlite:///path or memory://")
    .option("--result-backend <url>", "where results go (for workers; kept for Celery's sake)")
    .option("--workdir <folder>", "change to this folder first")
    .option("--config <module>", "settings from a module or a file: celeryconfig, ./settings.yaml")
    .option("-q, --quiet", "no banner")
    .option("-C, --no-color", "no colours");
}

export function addScheduleOptions(command: Command): Command {
  return addCommonOptions(command)
    .option("-s, --schedule <file>", "the beat-record: where last runs are kept (:memory: for nowhere)")
    .option("--schedules <path>", "a schedule file, or a folder of them; may be given again", collect)
    .option("--scope <name>", "beats with one scope share one schedule (default: the app's name)");
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
