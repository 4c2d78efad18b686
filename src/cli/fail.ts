// How a command ends badly: one clear line for each mistake, a hint, a non-zero exit code, and no stack trace.
import { importProblems } from "../config/import-problem.ts";
import { shownPath } from "../config/shown-path.ts";
import { ConfigError, formatProblem, LovageError, messageOf } from "../error.ts";
import { createLogger, type LogFormat } from "../log.ts";

/** The lines to print for anything thrown. A bug of ours keeps its stack: nobody could find it without. */
export function explain(error: unknown): readonly string[] {
  if (isWithoutFolder(error)) return [folderGone];
  if (error instanceof ConfigError) return error.problems.map(formatProblem);
  if (error instanceof LovageError)
    return [error.hint === undefined ? error.message : `${error.message} (${error.hint})`];
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
  return [`this is a bug in lovage, please report it: ${stack}`];
}

function isWithoutFolder(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "uv_cwd";
}

/** Prints the lines to stderr, each under the name of the command; as objects where a machine reads them. */
function printFailure(command: string, error: unknown, format: LogFormat = "text"): void {
  for (const line of explain(error)) printLine(command, line, format);
}

function printLine(command: string, line: string, format: LogFormat): void {
  if (format === "json") createLogger({ format, name: command }).fatal({ event: "command-failed" }, line);
  else process.stderr.write(`${command}: ${line}\n`);
}

let isDone = false;
let onStray: ((error: unknown) => void) | null = null;

/** Ends the process, and is not taken for an accident. */
export function leave(code: number): never {
  isDone = true;
  process.exit(code);
}

/** From now on errors that nobody caught go here, instead of ending the command: timers and promises of the project. */
export function catchStrayErrors(listener: (error: unknown) => void): void {
  onStray = listener;
}

/**
 * Runs a command to its end and turns what it throws into lines and an exit code. Then the process ends: neither a timer of
 * the project's nor a socket to a silent broker keeps it.
 */
export async function runCommand(
  command: string,
  run: () => Promise<number>,
  format: LogFormat = "text",
): Promise<never> {
  watchProcess(command, format);
  try {
    const code = await run();
    await outputTaken();
    return leave(code);
  } catch (error) {
    printFailure(command, error, format);
    return leave(1);
  }
}

/** A pipe takes so much at once and the rest later: what it has not taken by the end of the process would be lost. */
async function outputTaken(): Promise<void> {
  if (process.stdout.writableLength > 0) await new Promise((resolve) => process.stdout.write("", resolve));
}

/** The project's code runs in this process, and may end or upset it at any time: that is never passed over in silence. */
function watchProcess(command: string, format: LogFormat): void {
  for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
  const handle = (error: unknown): void => {
    if (onStray !== null) {
      onStray(error);
      return;
    }
    printLine(command, strayText(error), format);
    leave(1);
  };
  process.on("uncaughtException", handle).on("unhandledRejection", handle);
  let isStarved = false;
  process.on("beforeExit", () => {
    isStarved = true;
  });
  process.on("exit", () => {
    if (isDone) return;
    printLine(command, isStarved ? starved : quit, format);
    process.exitCode = 1;
  });
}

/** In the user's code by its place, else as a bug of ours. */
export function strayText(error: unknown): string {
  // Nothing can be placed where there is no folder.
  if (isWithoutFolder(error)) return folderGone;
  const [problem] = importProblems(error, "");
  if (problem?.file !== undefined && problem.file !== shownPath("")) return formatProblem(problem);
  return explain(error).join("\n");
}

const folderGone =
  "the working directory is gone (go to one that exists: a folder made anew under its name is another)";
const starved = "a module of the project never finished loading (look for a top-level await that does not end)";
const quit = "the project's code ended the process before the command was done (look for process.exit)";
