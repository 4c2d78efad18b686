#!/usr/bin/env node
// The `beat` command: run the scheduler, or ask it about its schedule.
import { Command, InvalidArgumentError, Option } from "commander";
import { checkCommand } from "./check.ts";
import { runCommand } from "./fail.ts";
import { importLastRuns } from "./import-last-runs.ts";
import { isMain } from "./is-main.ts";
import { nextCommand } from "./next.ts";
import {
  addLogOptions,
  addScheduleOptions,
  type BeatCommandOptions,
  type ScheduleOptions,
  wholeNumber,
} from "./options.ts";
import { runBeat } from "./run-beat.ts";
import { steeringCommands } from "./steering-commands.ts";
import { refineErrors } from "./usage.ts";
import { version } from "./version.ts";
import { addWatchOptions } from "./watch-options.ts";

export function beatCommand(): Command {
  const command = addWatchOptions(addLogOptions(addScheduleOptions(new Command("beat"))))
    .description("Sends periodic tasks when they are due.")
    .option("-S, --scheduler <module:Class>", "a store of your own: ./my-store.ts:MyStore")
    .option("--max-interval <seconds>", "the longest sleep between two looks at the clock", positiveSeconds)
    .option("--pidfile <file>", "write the process id here; for others to read, it locks nothing")
    .option("--watch-poll", "look for changed schedule files by polling, for network file systems")
    .option("--hostname <name>", "the name that Celery's tools see: beat@%h; it begins with beat")
    .option("--without-remote", "neither heard nor seen through the broker")
    .addOption(new Option("--embedded").hideHelp())
    .version(`lovage ${version()}`, "--version", "print the version");
  command.action(async () => {
    const options = command.optsWithGlobals<BeatCommandOptions>();
    return runCommand("beat", () => runBeat(options), options.logFormat);
  });
  for (const subcommand of [
    checkSubcommand(),
    nextSubcommand(),

    ...steeringCommands(),
    importSubcommand(),
  ]) {
    command.addCommand(subcommand);
  }
  return command;
}

function checkSubcommand(): Command {
  const command = new Command("check").description("Checks app and schedule files without starting; for CI.");
  return command.action(async () => runCommand("beat", () => checkCommand(command.optsWithGlobals<ScheduleOptions>())));
}

function nextSubcommand(): Command {
  const command = new Command("next")
    .description("Shows what will run, in the entry's zone and in UTC.")
    .argument("[entries...]", "only these")
    .option("-n, --count <number>", "how many occurrences", wholeNumber(1), 20)
    .option("--from <time>", "from this time on: ISO 8601, in the app's zone where it has no offset")
    .option("--json", "one JSON object a line");
  return command.action(async (entries: string[]) =>
    runCommand("beat", () => nextCommand(entries, command.optsWithGlobals())),
  );
}

function importSubcommand(): Command {
  const command = new Command("import-last-runs")
    .description("Takes over the last runs of Celery's beat; see docs/moving-from-celery-beat.md.")
    .argument("<file>", "what export_beat_schedule.py --last-runs wrote");
  return command.action(async (file: string) =>
    runCommand("beat", () => importLastRuns(file, command.optsWithGlobals())),
  );
}

function positiveSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600)) throw new InvalidArgumentError("It takes seconds, above 0 and up to 3600.");
  return seconds;
}

if (isMain(import.meta.url)) await refineErrors(beatCommand()).parseAsync();
