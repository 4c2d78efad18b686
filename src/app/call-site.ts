// Where in the user's code a call was made, so that an error can point there.
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { shownPath } from "../config/shown-path.ts";

export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const own = fileURLToPath(new URL("../", import.meta.url));
/** Frames of ours that may lie between the user's call and the question; more than there are. */
const frames = 12;

/** The nearest caller outside this package, or null where there is none to tell. */
export function callSite(): CallSite | null {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frames;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = limit;
  for (const [, path = "", line, column] of stack.matchAll(/^\s+at (?:.*\()?(.+?):(\d+):(\d+)\)?$/gm)) {
    const file = path.startsWith("file:") ? fileURLToPath(path.replace(/\?.*$/, "")) : path;
    if (file.startsWith("/") && !file.startsWith(own)) return { file, line: Number(line), column: Number(column) };
  }
  return null;
}

/** `proj.ts:12:5` */
export function formatCallSite({ file, line, column }: CallSite): string {
  return `${shownPath(file)}:${line}:${column}`;
}

/** A name for what a module makes: the module's own, or its folder's where the module's says nothing. */
export function nameFrom(site: CallSite | null): string {
  if (site === null) return "lovage";
  const [stem = ""] = basename(site.file).split(".");
  return ["app", "celery", "index", "main", ""].includes(stem) ? basename(dirname(site.file)) : stem;
}
