// The built `beat` command as a user runs it: a process of its own, in a folder of its own.
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningProgram, startProgram } from "./service.ts";
import { waitUntil } from "./wait.ts";

export const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const bin = join(packageRoot, "dist/cli/beat.js");

export interface BeatProcess extends RunningProgram, AsyncDisposable {
  /** Resolves when the output holds the text. */
  readonly saw: (text: string | RegExp, timeoutMs?: number) => Promise<void>;
}

export async function startBeat(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<BeatProcess> {
  const program = await startProgram(process.execPath, [bin, ...args], { cwd, env: { NO_COLOR: "1", ...env } });
  const has = (text: string | RegExp): boolean =>
    typeof text === "string" ? program.output().includes(text) : text.test(program.output());
  const saw = async (text: string | RegExp, timeoutMs = 20_000): Promise<void> => {
    await waitUntil(
      () => {
        if (has(text)) return true;
        if (program.exitCode() !== undefined) throw new Error(`beat ended with ${program.exitCode()}`);
        return false;
      },
      { what: `beat to say ${text}`, timeoutMs, detail: program.output },
    );
  };
  return { ...program, saw, [Symbol.asyncDispose]: () => program.stop() };
}

/** Runs a command to its end. */
export async function runBeat(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<{ readonly exitCode: number | string; readonly output: string }> {
  const program = await startProgram(process.execPath, [bin, ...args], { cwd, env: { NO_COLOR: "1", ...env } });
  try {
    const what = `beat ${args.join(" ")} to end`;
    await waitUntil(() => program.exitCode() !== undefined, { what, timeoutMs: 60_000, detail: program.output });
  } finally {
    await program.stop();
  }
  return { exitCode: program.exitCode() ?? "", output: program.output() };
}

/** A project in `folder` finds the built package as `lovage`, as if it were installed there. */
export async function linkPackage(folder: string): Promise<void> {
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await symlink(packageRoot, join(folder, "node_modules/lovage"), "dir");
}

/** Writes files by relative path. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
