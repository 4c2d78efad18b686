// Finding and loading the user's modules: by path or by dotted name, in JavaScript or TypeScript, and what to say when one
// is not there or throws.
import { readdirSync, statSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { extname, join, parse, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigError, didYouMean } from "../error.ts";
import { importProblems } from "./import-problem.ts";
import { shownPath } from "./shown-path.ts";

export const moduleExtensions: readonly string[] = [".ts", ".mts", ".js", ".mjs", ".cts", ".cjs"];

/** `tried` is for people: `proj.{ts,js}`. */
export type Located = { readonly file: string } | { readonly tried: readonly string[]; readonly near: string | null };

/**
 * The file that a module name means, looked for in each folder in turn. A name with an extension, or one that has a
 * slash, is a path; the dots of any other are folders, as in Python.
 */
export function locateModule(name: string, folders: readonly string[], extensions = moduleExtensions): Located {
  const candidates = folders.flatMap((folder) => candidatesOf(name, folder, extensions));
  for (const { stem, endings } of candidates) {
    const ending = endings.find((candidate) => isFile(stem + candidate));
    if (ending !== undefined) return { file: stem + ending };
  }
  return { tried: candidates.map(formatCandidate), near: didYouMean(name, folders.flatMap(namesIn)) };
}

interface Candidate {
  readonly stem: string;
  readonly endings: readonly string[];
}

function candidatesOf(name: string, folder: string, extensions: readonly string[]): readonly Candidate[] {
  const path = name.startsWith("file:") ? fileURLToPath(name) : name;
  const extension = extensions.find((candidate) => path.endsWith(candidate));
  if (extension !== undefined) {
    return [{ stem: resolve(folder, path).slice(0, -extension.length), endings: [extension, ...sourcesOf(extension)] }];
  }
  const stem = resolve(folder, /[\\/]/.test(path) || /^\.+$/.test(path) ? path : path.replaceAll(".", "/"));
  return [
    { stem, endings: extensions },
    { stem: join(stem, "index"), endings: extensions },
  ];
}

/** TypeScript names its modules by what they are compiled to: `tasks.js` may be `tasks.ts`. */
function sourcesOf(extension: string): readonly string[] {
  const compiled = /^\.([mc]?)js$/.exec(extension);
  return compiled === null ? [] : [`.${compiled[1] ?? ""}ts`];
}

function formatCandidate({ stem, endings }: Candidate): string {
  const [only, ...others] = endings.map((ending) => ending.slice(1));
  return `${shownPath(stem)}.${others.length === 0 ? only : `{${[only, ...others].join(",")}}`}`;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** What might have been meant: the modules and folders that are there. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => parse(name).name);
  } catch {
    return [];
  }
}

/**
 * Loads a module of the user's. TypeScript goes through tsx, registered once for the process, so that it shares our
 * package with the program that loads it.
 *
 * @throws ConfigError with the user's own file, line and column when the module throws
 */
export async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  if (/\.[mc]?ts$/.test(file)) await registerTypeScript();
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new ConfigError(importProblems(error, file), error);
  }
}

let registered: Promise<void> | undefined;

async function registerTypeScript(): Promise<void> {
  registered ??= registerLoaders();
  await registered;
}

/** Which of the two a file goes through is for the nearest package.json to say; by default it is CommonJS. */
async function registerLoaders(): Promise<void> {
  const [esm, cjs] = await Promise.all([import("tsx/esm/api"), import("tsx/cjs/api")]);
  esm.register();
  cjs.register();
  await shareWithCommonJs();
}

/**
 * In a CommonJS project tsx would compile a second copy of this package, whose errors and classes are not ours. So
 * `require("lovage")` is answered before it gets that far.
 */
async function shareWithCommonJs(): Promise<void> {
  const entry = fileURLToPath(new URL(`../index${extname(import.meta.url)}`, import.meta.url));
  const exports: unknown = await import(pathToFileURL(entry).href);
  const shared = Object.assign(new Module(entry), { filename: entry, loaded: true, exports });
  createRequire(import.meta.url).cache[entry] = shared;
}
