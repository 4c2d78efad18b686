#!/usr/bin/env node
// The `worker` command: run the tasks of an app.
import { Command } from "commander";
import { runCommand } from "./fail.ts";
import { isMain } from "./is-main.ts";
import { runWorker } from "./run-worker.ts";
import { refineErrors } from "./usage.ts";
import { version } from "./version.ts";
import { addWorkerOptions, type WorkerCommandOptions } from "./worker-options.ts";

export function workerCommand(): Command {
  const command = addWorkerOptions(new Command("worker"))
    .description("Runs tasks as their messages come.")
    .version(`lovage ${version()}`, "--version", "print the version");
  return command.action(async () => {
    const options = command.optsWithGlobals<WorkerCommandOptions>();
    return runCommand("worker", () => runWorker(options), options.logFormat);
  });
}

if (isMain(import.meta.url)) await refineErrors(workerCommand()).parseAsync();
