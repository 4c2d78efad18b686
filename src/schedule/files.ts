// Finds schedule files, reads them all and reports every mistake in any of them. Large ones are checked in another thread,
// and built here a slice at a time, so that a reload delays no task that is due meanwhile.
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Problem } from "../error.ts";
import { ConfigError, messageOf } from "../error.ts";
import type { Entry } from "./entry.ts";
import { FilesThread, forgetOtherFiles } from "./files-thread.ts";
import type { FileDefaults } from "./parse-file.ts";
import { mergeEntries, parseScheduleText } from "./parse.ts";
import { assertRegularFile, decodeText } from "./read-text.ts";

export interface LoadedSchedules {
  readonly entries: readonly Entry[];
  /** The files that were read, in order. */
  readonly files: readonly string[];
}

export interface LoadOptions {
  /** From this size on, of all files together, they are checked in another thread. Bytes. */
  readonly threadFromBytes?: number;
}

/** About 1,000 entries, which take some 15 ms to check; the thread takes longer than that to begin. */
const THREAD_FROM_BYTES = 128 * 1024;

/**
 * Loads all entries of the given files and folders. Of a folder, all `*.yaml` and `*.yml` directly in it are read, in the
 * order of their names; hidden ones are not.
 *
 * @throws ConfigError with every mistake in every file; a name that is used twice is one.
 */
export async function loadScheduleFiles(
  paths: readonly string[],
  defaults: FileDefaults,
  options: LoadOptions = {},
): Promise<LoadedSchedules> {
  const { threadFromBytes = THREAD_FROM_BYTES } = options;
  const { files, missing } = await findScheduleFiles(paths);
  const problems: Problem[] = missing.map(missingPath);
  const lists: (readonly Entry[])[] = [];
  const thread = (await sizeOf(files)) >= threadFromBytes ? new FilesThread() : null;
  try {
    for (const file of files) {
      try {
        lists.push(await loadFile(file, defaults, thread));
      } catch (error) {
        problems.push(...problemsOf(file, error));
      }
    }
  } finally {
    await thread?.stop();
  }
  if (problems.length > 0) throw new ConfigError(problems);
  forgetOtherFiles(files);
  // Within one file every name is known to be unique; checking a hundred thousand again would take its time.
  const [only = [], ...others] = lists;
  return { entries: others.length === 0 ? only : mergeEntries(...lists), files };
}

export interface FoundFiles {
  readonly files: readonly string[];
  readonly missing: readonly string[];
}

/** What stands at the paths now. A file that is reached by two of them counts once. */
export async function findScheduleFiles(paths: readonly string[]): Promise<FoundFiles> {
  const files = new Map<string, string>();
  const missing: string[] = [];
  for (const path of paths) {
    const found = await filesAt(path);
    if (found === null) missing.push(path);
    for (const file of found ?? []) {
      const real = await realpath(file).catch(() => file);
      if (!files.has(real)) files.set(real, file);
    }
  }
  return { files: [...files.values()], missing };
}

/** Editors and Kubernetes keep files of their own in a folder, under names that begin with a dot. */
export function isScheduleFileName(name: string): boolean {
  return /\.ya?ml$/i.test(name) && !name.startsWith(".");
}

async function filesAt(path: string): Promise<readonly string[] | null> {
  const kind = await kindOf(path);
  if (kind !== "folder") return kind === null ? null : [path];
  const names = (await namesIn(path)).filter(isScheduleFileName).sort();
  const kinds = await Promise.all(names.map((name) => kindOf(join(path, name))));
  return names.filter((_, index) => kinds[index] === "file").map((name) => join(path, name));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw new ConfigError(problemsOf(folder, error), error);
  }
}

async function kindOf(path: string): Promise<"file" | "folder" | null> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (isMissing(error)) return null;
    return "file";
  }
}

async function sizeOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function loadFile(file: string, defaults: FileDefaults, thread: FilesThread | null): Promise<readonly Entry[]> {
  assertRegularFile(await stat(file), file);
  if (thread !== null) return thread.load(file, defaults);
  return parseScheduleText(decodeText(await readFile(file), file), file, defaults).entries;
}

function problemsOf(file: string, error: unknown): readonly Problem[] {
  if (error instanceof ConfigError) return error.problems;
  if (isMissing(error)) return [missingPath(file)];
  if (!(error instanceof Error) || !("syscall" in error)) throw error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EACCES" && code !== "EPERM") return [{ file, message: `cannot be read: ${messageOf(error)}` }];
  const user = process.getuid?.();
  const who = user === undefined ? "" : ` by user ${user}`;
  return [{ file, message: `may not be read${who}`, hint: "change its owner or its mode" }];
}

function missingPath(path: string): Problem {
  return { file: path, message: "there is no such file or folder", hint: "check the path, or create it" };
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}
