// `lovage report`: what belongs into a bug report, and nothing secret.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, release, totalmem, type } from "node:os";
import { maskUrl } from "../redis/url.ts";
import { shownSettings } from "../worker/control/shown-settings.ts";
import { consumeUrl, openApp, publishUrl, shortPath } from "./open.ts";
import type { CommonOptions } from "./options.ts";
import { table } from "./print.ts";
import { version } from "./version.ts";

export async function reportCommand(options: CommonOptions): Promise<number> {
  const opened = await openApp(options);
  const { app, file } = opened;
  const { node, v8, tz, sqlite } = process.versions;
  const [consume, publish] = [maskUrl(consumeUrl(opened)), maskUrl(publishUrl(opened))];
  const own = [...app.tasks.keys()].filter((name) => !name.startsWith("celery."));
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  const rows = [
    ["lovage", version()],
    ["node", `${node} (v8 ${v8}${sqlite === undefined ? "" : `, sqlite ${sqlite}`}), time zone data ${tz}`],
    ["packages", ["ioredis", "better-sqlite3", "tsx"].map(packageVersion).join(", ")],
    ["system", `${type()} ${release()} ${arch()}, ${availableParallelism()} processors, ${memoryGiB} GiB`],
    ["app", file === undefined ? `${app.name} (no -A)` : `${app.name} (${shortPath(file)})`],
    ["tasks", own.length === 0 ? "none" : own.sort().join(", ")],
    ["broker", consume === publish ? consume : `${consume}, published to ${publish}`],
    ["results", app.conf.resultBackend === null ? "disabled" : maskUrl(app.conf.resultBackend)],
    ["timezone", app.conf.timezone],
  ];
  const settings = Object.entries(shownSettings(app, false)).map(([name, value]) => [`  ${name}`, textOf(value)]);
  const changed = settings.length === 0 ? "  none\n" : table(settings);
  process.stdout.write(`${table(rows)}\nsettings other than the defaults\n${changed}`);
  return 0;
}

function packageVersion(name: string): string {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return `${name} ${(JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version}`;
  } catch {
    return `${name} ?`;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}
