// A mistake on the command line: one line that says what is wrong and what there is, and exit code 2.
import type { Command } from "commander";
import { didYouMean } from "../error.ts";
import { leave } from "./fail.ts";

/** Applies to the command and all below it. */
export function refineErrors(command: Command): Command {
  command.showSuggestionAfterError(true).exitOverride((error) => leave(error.exitCode === 0 ? 0 : 2));
  command.configureOutput({
    outputError: (text, write) => write(refine(text, command)),
  });
  for (const child of command.commands) refineErrors(child);
  return command;
}

function refine(text: string, command: Command): string {
  const line = text
    .replace(/^error: /, "")
    .trim()
    .replaceAll("\n", " ")
    // What was written may be an URL with a password.
    .replaceAll(/:\/\/([^\s/@:]*):[^\s/]*@/g, "://$1:***@");
  const unexpected = line.startsWith("too many arguments") ? unexpectedArgument(command) : null;
  return `${fullName(command)}: ${unexpected ?? line}\n`;
}

/** With a default action commander only counts arguments; a user has mistyped a command. */
function unexpectedArgument(command: Command): string | null {
  const [word] = command.args;
  if (word === undefined) return null;
  const names = command.commands.map((child) => child.name());
  const meant = didYouMean(word, names);
  const hint = meant === null ? `there are: ${names.join(", ")}` : `did you mean ${meant}?`;
  return `unknown command ${word} (${hint})`;
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
