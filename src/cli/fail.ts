// How a command ends badly: one clear line for each mistake, a hint, a non-zero exit code, and no stack trace.
import { ConfigError, formatProblem, LovageError, messageOf } from "../error.ts";

/** The lines to print for anything thrown. A bug of ours keeps its stack: nobody could find it without. */
export function explain(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems.map(formatProblem);
  if (error instanceof LovageError)
    return [error.hint === undefined ? error.message : `${error.message} (${error.hint})`];
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
  return [`this is a bug in lovage, please report it: ${stack}`];
}

/** Prints the lines to stderr, each under the name of the command. */
export function printFailure(command: string, error: unknown): void {
  for (const line of explain(error)) process.stderr.write(`${command}: ${line}\n`);
}

/** Runs a command to its end and turns what it throws into lines and an exit code. */
export async function runCommand(command: string, run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run();
  } catch (error) {
    printFailure(command, error);
    process.exitCode = 1;
  }
}
