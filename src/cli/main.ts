#!/usr/bin/env node
// The `lovage` command: all commands under one name, as `celery` has them.
import { Command } from "commander";
import { beatCommand } from "./beat.ts";
import { isMain } from "./is-main.ts";
import { addCommonOptions } from "./options.ts";
import { refineErrors } from "./usage.ts";
import { version } from "./version.ts";

export function lovageCommand(): Command {
  return addCommonOptions(new Command("lovage"))
    .description("Celery's model for Node.js: a periodic scheduler for Python and Node workers.")
    .version(`lovage ${version()}`, "--version", "print the version")
    .addCommand(beatCommand());
}

if (isMain(import.meta.url)) await refineErrors(lovageCommand()).parseAsync();
