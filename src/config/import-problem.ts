// What to say when a module of the user's throws while it loads: one line, placed in the user's own code, and no stack.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, messageOf, type Problem } from "../error.ts";
import { shownPath } from "./shown-path.ts";

/** One line for each mistake, placed in the user's own code as near as the error tells. */
export function importProblems(error: unknown, file: string): readonly Problem[] {
  const place = placeOf(error) ?? { file: shownPath(file) };
  if (error instanceof ConfigError) return error.problems.map((problem) => ({ ...place, ...problem }));
  const compiling = compileProblem(error);
  if (compiling !== null) return [compiling];
  const kind = error instanceof Error && error.name !== "Error" ? `${error.name}: ` : "";
  const hint = (error as { hint?: string } | null)?.hint;
  return [{ ...place, message: `${kind}${firstLine(messageOf(error))}`, hint }];
}

interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** The topmost frame in the user's code; for a syntax error, what Node prints above the message. */
function placeOf(error: unknown): Place | null {
  if (!(error instanceof Error)) return null;
  const importer = / imported from (\S+)$/.exec(firstLine(error.message))?.[1];
  if (importer !== undefined) return { file: shownPath(importer) };
  for (const line of (error.stack ?? "").split("\n")) {
    const found = /^(?:\s+at (?:.*\()?)?((?:file:\/\/)?\/[^()]*?):(\d+)(?::(\d+))?\)?$/.exec(line);
    if (found?.[1] !== undefined && !isForeign(found[1])) return toPlace(found[1], found[2], found[3]);
  }
  return null;
}

/** Our own package counts as foreign when it is installed, and when it runs from its sources or its build. */
function isForeign(path: string): boolean {
  return (
    path.includes("/node_modules/") || path.startsWith(new URL("../", import.meta.url).href) || path.startsWith(own)
  );
}

const own = fileURLToPath(new URL("../", import.meta.url));

function toPlace(path: string, line?: string, column?: string): Place {
  const file = shownPath(path.startsWith("file:") ? fileURLToPath(path.replace(/\?.*$/, "")) : path);
  if (line === undefined) return { file };
  return column === undefined ? { file, line: Number(line) } : { file, line: Number(line), column: Number(column) };
}

/** esbuild, which stands behind tsx, has the place in its text. Its columns count from 0. */
function compileProblem(error: unknown): Problem | null {
  const found = /^(.+):(\d+):(\d+): ERROR: (.+)$/m.exec(messageOf(error));
  if (found === null) return null;
  const [, file = "", line, column, message = ""] = found;
  const isCommonJs = message.includes('"cjs"');
  const hint = isCommonJs ? 'write "type": "module" in the package.json beside it' : undefined;
  return { file: shownPath(resolve(file)), line: Number(line), column: Number(column) + 1, message, hint };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
