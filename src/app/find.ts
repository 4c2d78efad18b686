// `-A proj`: from what the user wrote to the app it means, found as Celery finds it.
import { importModule, locateModule, moduleExtensions } from "../config/module.ts";
import { shownPath } from "../config/shown-path.ts";
import { ConfigError, didYouMean } from "../error.ts";
import type { App } from "./app.ts";
import { isApp } from "./is-app.ts";

export interface FoundApp {
  readonly app: App;
  /** The module that exports it. */
  readonly file: string;
}

export interface FindOptions {
  /** The folder in which the user is. */
  readonly workdir: string;
}

/**
 * The app that `-A` means: `proj:attr` is an export of a module; `proj` alone is the export `app`, `celery`, the default
 * or the only App of `./proj.*` or `./proj/index.*`, else of `./proj/celery.*`. The dots of `proj.sub` are folders, or
 * the last is an export.
 *
 * @throws ConfigError when nothing is found, saying what was tried; when a module throws, with the user's file and line;
 * when there is no App among the exports, saying what is
 */
export async function findApp(spec: string, { workdir }: FindOptions): Promise<FoundApp> {
  const { name, attribute } = parseSpec(spec);
  const located = locateModule(name, [workdir]);
  if (attribute !== undefined) {
    if ("tried" in located) throw notFound(name, workdir, located);
    return findAttribute(located.file, attribute);
  }
  if ("file" in located) return findInPackage(located.file, name, workdir);
  const inner = locateCelery(name, workdir);
  if ("file" in inner) return pickApp(await importModule(inner.file), inner.file, name);
  const [parent, last] = splitLast(name);
  const outer = parent === null ? null : locateModule(parent, [workdir]);
  if (outer !== null && "file" in outer) return findAttribute(outer.file, last);
  throw notFound(name, workdir, located, inner.tried);
}

interface AppSpec {
  readonly name: string;
  readonly attribute: string | undefined;
}

function parseSpec(spec: string): AppSpec {
  const found = /^(.+?):([\p{L}_$][\p{L}\p{N}_$]*)?$/u.exec(spec);
  if (spec.trim() === "") throw new ConfigError([{ message: "the app has no name", hint: "write -A proj" }]);
  return { name: found?.[1] ?? spec, attribute: found?.[2] };
}

/** `proj.sub.app` to `proj.sub` and `app`; a path has no such parts. */
function splitLast(name: string): readonly [parent: string | null, last: string] {
  const dot = name.includes("/") ? -1 : name.lastIndexOf(".");
  return dot <= 0 ? [null, name] : [name.slice(0, dot), name.slice(dot + 1)];
}

function locateCelery(
  name: string,
  workdir: string,
): { readonly file: string } | { readonly tried: readonly string[] } {
  if (moduleExtensions.some((extension) => name.endsWith(extension))) return { tried: [] };
  const separator = name.includes("/") || /^\.+$/.test(name) ? "/" : ".";
  const located = locateModule(`${name}${separator}celery`, [workdir]);
  return "file" in located ? located : { tried: located.tried.slice(0, 1) };
}

/** A package whose own module exports no App may have it in its module `celery`. */
async function findInPackage(file: string, name: string, workdir: string): Promise<FoundApp> {
  const exports = exportsOf(await importModule(file));
  if (appsIn(exports).length > 0) return pickApp(exports, file, name);
  const inner = locateCelery(name, workdir);
  return "file" in inner ? pickApp(await importModule(inner.file), inner.file, name) : pickApp(exports, file, name);
}

async function findAttribute(path: string, attribute: string): Promise<FoundApp> {
  const exports = exportsOf(await importModule(path));
  const found = exports[attribute];
  if (isApp(found)) return { app: found, file: path };
  const file = shownPath(path);
  if (found !== undefined) throw new ConfigError([{ file, message: `${attribute} is not an App`, hint: noteApp }]);
  const near = didYouMean(attribute, Object.keys(exports));
  const hint = near === null ? listExports(exports) : `did you mean ${near}? ${listExports(exports)}`;
  throw new ConfigError([{ file, message: `no export ${attribute}`, hint }]);
}

const noteApp = 'write export const app = new App("proj")';

function pickApp(module: Readonly<Record<string, unknown>>, file: string, name: string): FoundApp {
  const exports = exportsOf(module);
  const named = ["app", "celery", "default"].map((usual) => exports[usual]).find(isApp);
  if (named !== undefined) return { app: named, file };
  const [only, ...others] = appsIn(exports);
  const shown = shownPath(file);
  if (only === undefined) {
    throw new ConfigError([
      { file: shown, message: "no App is exported", hint: `${noteApp}; ${listExports(exports)}` },
    ]);
  }
  if (others.length === 0) return { app: only.app, file };
  const names = [only, ...others].map((found) => found.name).join(", ");
  const hint = `say which: -A ${name}:${only.name}`;
  throw new ConfigError([{ file: shown, message: `several Apps are exported: ${names}`, hint }]);
}

/** What CommonJS exports comes as the default export, and only in part under its own names. */
function exportsOf(module: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { default: main, "module.exports": _, __esModule: __, ...named } = module;
  if (main === undefined) return named;
  const inner = typeof main === "object" && main !== null && !isApp(main) ? (main as Record<string, unknown>) : {};
  const { __esModule: ___, ...rest } = inner;
  return { ...rest, ...named, default: rest["default"] ?? main };
}

function appsIn(exports: Readonly<Record<string, unknown>>): readonly { readonly name: string; readonly app: App }[] {
  const apps = new Map<App, string>();
  for (const [name, value] of Object.entries(exports)) if (isApp(value) && !apps.has(value)) apps.set(value, name);
  return [...apps].map(([app, name]) => ({ name, app }));
}

function listExports(exports: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(exports);
  return names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
}

interface NotLocated {
  readonly tried: readonly string[];
  readonly near: string | null;
}

function notFound(name: string, workdir: string, located: NotLocated, more: readonly string[] = []): ConfigError {
  const near = located.near === null ? "" : `did you mean ${located.near}? `;
  const hint = `${near}tried ${[...located.tried, ...more].join(", ")}`;
  return new ConfigError([{ message: `app ${name} not found in ${workdir}`, hint }]);
}
