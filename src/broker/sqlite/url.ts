// `sqlite:///relative.db` and `sqlite:////absolute.db`, as SQLAlchemy writes them.
import { resolve } from "node:path";
import { LovageError } from "../../error.ts";

/** The absolute path of the file. */
export function parseSqliteUrl(url: string): string {
  const path = /^[a-z]+:\/\/\/(.+)$/is.exec(url)?.[1];
  if (path === undefined) {
    const hint =
      "sqlite:///broker.db is a file of the working directory, sqlite:////var/lib/app/broker.db an absolute path";
    throw new LovageError("config", `broker URL ${url} names no file`, { hint });
  }
  if (path === ":memory:") {
    const hint = "write memory:// for a broker without a file";
    throw new LovageError("config", `broker URL ${url}: other processes could not reach it`, { hint });
  }
  return resolve(path);
}
