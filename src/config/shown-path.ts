// Paths in messages: as short as they can be while still saying where.
import { isAbsolute, relative } from "node:path";

/** From the working directory where the file lies within, else whole. */
export function shownPath(file: string, workdir: string = process.cwd()): string {
  const path = relative(workdir, file);
  return path === "" || path.startsWith("..") || isAbsolute(path) ? file : path;
}
