// The subcommands of `beat` that look into a schedule and steer a running beat.
import { Command, InvalidArgumentError } from "commander";
import { addAskOptions } from "./ask-beat.ts";
import { backfillCommand } from "./backfill.ts";
import { dstCommand } from "./dst.ts";
import { runCommand } from "./fail.ts";
import { historyCommand } from "./history.ts";
import { listCommand } from "./list.ts";
import { wholeNumber } from "./options.ts";
import { pauseCommand } from "./pause.ts";
import { resumeCommand } from "./resume.ts";
import { runEntryCommand } from "./run-entry.ts";
import { showCommand } from "./show.ts";
import { statusCommand } from "./status.ts";

export function steeringCommands(): readonly Command[] {
  const looks = [listSubcommand(), showSubcommand(), historySubcommand(), statusSubcommand(), dstSubcommand()];
  return [...looks, pauseSubcommand(), resumeSubcommand(), runSubcommand(), backfillSubcommand()];
}

function listSubcommand(): Command {
  const command = asking("list", "Lists the entries with their last and next run.")
    .option("--match <text>", "only names that contain this")
    .option("--json", "one JSON object a line");
  return command.action(() => run(() => listCommand(command.optsWithGlobals())));
}

function showSubcommand(): Command {
  const command = asking("show", "Shows all that is known of an entry.")
    .argument("<entry>", "its name")
    .option("--json", "as a JSON object");
  return command.action((entry: string) => run(() => showCommand(entry, command.optsWithGlobals())));
}

function historySubcommand(): Command {
  const command = asking("history", "Shows the last runs of an entry, and what became of each.")
    .argument("<entry>", "its name")
    .option("-n, --count <number>", "how many", historyCount, 20)
    .option("--json", "one JSON object a line");
  return command.action((entry: string) => run(() => historyCommand(entry, command.optsWithGlobals())));
}

function statusSubcommand(): Command {
  const command = asking("status", "Tells whether a beat is at work, and who leads; exit code 1 if not.")
    .option("--all", "every beat that answers over the broker, those that lead first")
    .option("--json", "as a JSON object, with --all one a line");
  return command.action(() => run(() => statusCommand(command.optsWithGlobals())));
}

function dstSubcommand(): Command {
  const command = new Command("dst")
    .description("Shows the coming clock changes of every zone in use, and what each does to which entries.")
    .argument("[entries...]", "only these")
    .option("--from <time>", "from this time on: ISO 8601, in the app's zone where it has no offset")
    .option("--years <number>", "how far ahead", yearCount, 1)
    .option("--json", "one JSON object a line for each entry that a change touches");
  return command.action((entries: string[]) => run(() => dstCommand(entries, command.optsWithGlobals())));
}

function pauseSubcommand(): Command {
  const command = choosing(asking("pause", "Keeps entries from running until they are resumed."))
    .option("--reason <text>", "why; kept with the pause")
    .option("--json", "one JSON object a line");
  return command.action((entries: string[]) => run(() => pauseCommand(entries, command.optsWithGlobals())));
}

function resumeSubcommand(): Command {
  const command = choosing(asking("resume", "Lets paused entries run again, from now on."))
    .option("--catch-up", "make up what fell into the pause, by the missed policy of each")
    .option("--json", "one JSON object a line");
  return command.action((entries: string[]) => run(() => resumeCommand(entries, command.optsWithGlobals())));
}

function runSubcommand(): Command {
  const command = asking("run", "Sends an entry's task now; the schedule does not move.")
    .argument("<entry>", "its name")
    .option("--reason <text>", "why; kept in the history")
    .option("--by <who>", "who does it (user@host)")
    .option("--json", "as a JSON object");
  return command.action((entry: string) => run(() => runEntryCommand(entry, command.optsWithGlobals())));
}

function backfillSubcommand(): Command {
  const command = asking("backfill", "Sends what a schedule had in a span of the past, after showing it.")
    .argument("[entry]", "its name")
    .option("--from <time>", "the first time that counts: ISO 8601, in the entry's zone where it has no offset")
    .option("--to <time>", "the last time that counts; a date alone is all of that day")
    .option("--rate <number>", "messages a second, 0.1 to 1000", rate, 10)
    .option("-y, --yes", "do not ask")
    .option("--no-wait", "leave it to beat, and do not watch")
    .option("--reason <text>", "why; kept with it")
    .option("--by <who>", "who does it (user@host)")
    .option("--list", "show the backfills that beat knows")
    .option("--stop <id>", "stop one")
    .option("--resume <id>", "let one go on where it stopped")
    .option("--json", "JSON objects, one a line");
  return command.action((entry: string | undefined) => run(() => backfillCommand(entry, command.optsWithGlobals())));
}

function asking(name: string, description: string): Command {
  return addAskOptions(new Command(name).description(description));
}

function choosing(command: Command): Command {
  return command
    .argument("[entries...]", "their names")
    .option("--all", "all entries")
    .option("--match <text>", "all entries whose names contain this")
    .option("--by <who>", "who does it (user@host)");
}

function run(work: () => Promise<number>): Promise<never> {
  return runCommand("beat", work);
}

function historyCount(text: string): number {
  return upTo(1000, text);
}

function yearCount(text: string): number {
  return upTo(100, text);
}

function upTo(most: number, text: string): number {
  const number = wholeNumber(1)(text);
  if (number > most) throw new InvalidArgumentError(`It takes a whole number from 1 to ${most}.`);
  return number;
}

function rate(text: string): number {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= 0.1 && number <= 1000)) throw new InvalidArgumentError("It takes a number from 0.1 to 1000.");
  return number;
}
