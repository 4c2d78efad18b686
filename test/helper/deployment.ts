// The files of deploy/ put to work without what they were written for: no Docker, no cluster, no systemd.
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { linkPackage, packageRoot } from "./beat-process.ts";
import type { RunningProgram } from "./service.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait.ts";

/** The text of a file of deploy/. */
export const deploy = (path: string): Promise<string> => readFile(join(packageRoot, "deploy", path), "utf8");

/** What stands for places of the image or the machine here: applied to arguments and environment alike. */
export type Places = Readonly<Record<string, string>>;

export const inPlace = (text: string, places: Places): string =>
  Object.entries(places).reduce((placed, [from, to]) => placed.replaceAll(from, to), text);

/** A copy of the example project, to see that nothing is written into it. */
export async function exampleProject(folder: TemporaryFolder): Promise<string> {
  const project = folder.file("app");
  const filter = (path: string): boolean => !/beat-record|\.lovage/.test(path);
  await cp(join(packageRoot, "examples/first"), project, { recursive: true, filter });
  await linkPackage(project);
  return project;
}

export function until(program: RunningProgram, text: string | RegExp): Promise<unknown> {
  const saw = (): boolean => program.output().search(text) !== -1;
  return waitUntil(saw, { what: `${text}`, timeoutMs: 60_000, detail: program.output });
}
