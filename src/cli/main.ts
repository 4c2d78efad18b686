#!/usr/bin/env node
// The `lovage` command: all commands under one name, as `celery` has them.
import { Command } from "commander";
import { beatCommand } from "./beat.ts";
import { addCallOptions, callCommand } from "./call.ts";
import { controlCommand } from "./control.ts";
import { eventsCommand } from "./events.ts";
import { runCommand } from "./fail.ts";
import { inspectCommand } from "./inspect.ts";
import { isMain } from "./is-main.ts";
import { addCommonOptions, commaList, positiveSeconds } from "./options.ts";
import { purgeCommand } from "./purge.ts";
import { reportCommand } from "./report.ts";
import { resultCommand } from "./result.ts";
import { shellCommand } from "./shell.ts";
import { refineErrors } from "./usage.ts";
import { version } from "./version.ts";
import { workerCommand } from "./worker.ts";

export function lovageCommand(): Command {
  const command = addCommonOptions(new Command("lovage"))
    .description("Celery's model for Node.js: a periodic scheduler and a worker, at one with Python's.")
    .version(`lovage ${version()}`, "--version", "print the version");
  const commands = [beatCommand(), workerCommand(), callSubcommand(), resultSubcommand(), purgeSubcommand()];
  const remote = [inspectSubcommand(), controlSubcommand(), eventsSubcommand()];
  for (const one of [...commands, ...remote, shellSubcommand(), reportSubcommand()]) command.addCommand(one);
  return command;
}

function callSubcommand(): Command {
  const command = addCallOptions(new Command("call")).description("Sends a task, and prints its id.");
  return command.action((name: string) => run(command, () => callCommand(name, command.optsWithGlobals())));
}

function resultSubcommand(): Command {
  const command = addCommonOptions(new Command("result"))
    .description("Prints what came of a task.")
    .argument("<id>", "the task's id")
    .option("--traceback", "the stack of a task that failed")
    .option("--json", "everything that is known, as JSON");
  return command.action((id: string) => run(command, () => resultCommand(id, command.optsWithGlobals())));
}

function purgeSubcommand(): Command {
  const command = addCommonOptions(new Command("purge"))
    .description("Throws away the messages that wait in queues.")
    .option("-f, --force", "do not ask")
    .option("-Q, --queues <queues>", "these queues, separated by commas (default: those of the app)", commaList)
    .option("-X, --exclude-queues <queues>", "not these", commaList);
  return command.action(() => run(command, () => purgeCommand(command.optsWithGlobals())));
}

function inspectSubcommand(): Command {
  const command = addRemoteOptions(new Command("inspect"))
    .description("Asks workers: ping, active, reserved, scheduled, registered, stats, active_queues, conf, ...")
    .argument("<question>", "what to ask")
    .argument("[arguments...]", "what the question takes");
  return command.action((method: string, args: string[]) =>
    run(command, () => inspectCommand(method, args, command.optsWithGlobals())),
  );
}

function controlSubcommand(): Command {
  const command = addRemoteOptions(new Command("control"))
    .description("Tells workers: revoke, rate_limit, time_limit, add_consumer, pool_grow, shutdown, ...")
    .argument("<command>", "what to tell them")
    .argument("[arguments...]", "what the command takes");
  return command.action((method: string, args: string[]) =>
    run(command, () => controlCommand(method, args, command.optsWithGlobals())),
  );
}

function addRemoteOptions(command: Command): Command {
  return addCommonOptions(command)
    .option("-d, --destination <nodes>", "only these workers, separated by commas", commaList)
    .option("-t, --timeout <seconds>", "how long to wait for the next answer", positiveSeconds, 1)
    .option("-j, --json", "print JSON");
}

function eventsSubcommand(): Command {
  const command = addCommonOptions(new Command("events"))
    .description("Prints what workers report, as it comes.")
    .option("-d, --dump", "the only way there is, and the default");
  return command.action(() => run(command, () => eventsCommand(command.optsWithGlobals())));
}

function shellSubcommand(): Command {
  const command = addCommonOptions(new Command("shell"))
    .description("A Node.js shell with the app and its tasks.")
    .option("-T, --without-tasks", "do not give names to the tasks");
  return command.action(() => run(command, () => shellCommand(command.optsWithGlobals())));
}

function reportSubcommand(): Command {
  const command = addCommonOptions(new Command("report")).description("Versions and settings, for a bug report.");
  return command.action(() => run(command, () => reportCommand(command.optsWithGlobals())));
}

function run(command: Command, work: () => Promise<number>): Promise<never> {
  return runCommand(`lovage ${command.name()}`, work);
}

if (isMain(import.meta.url)) await refineErrors(lovageCommand()).parseAsync();
