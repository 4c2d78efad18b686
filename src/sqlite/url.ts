// `sqlite:///relative.db` and `sqlite:////absolute.db`, as SQLAlchemy writes them.
import { resolve } from "node:path";
import { LovageError } from "../error.ts";
import type { FileWords } from "./format.ts";

/**
 * The absolute path of the file.
 *
 * @throws LovageError("config") for a URL that names none
 */
export function parseSqliteUrl(url: string, { url: name, example, purpose }: FileWords): string {
  const path = /^[a-z]+:\/\/\/(.+)$/is.exec(url)?.[1];
  if (path === undefined) {
    const relative = `sqlite:///${example} is a file of the working directory`;
    const hint = `${relative}, sqlite:////var/lib/app/${example} an absolute path`;
    throw new LovageError("config", `${name} URL ${url} names no file`, { hint });
  }
  if (path === ":memory:") {
    const hint = `write memory:// for ${purpose} without a file`;
    throw new LovageError("config", `${name} URL ${url}: other processes could not reach it`, { hint });
  }
  return resolve(path);
}
