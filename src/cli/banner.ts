// What a starting beat says of itself: everything one would otherwise have to ask.
import type { Instant } from "../clock.ts";
import { maskUrl } from "../redis/url.ts";
import type { Entry } from "../schedule/entry.ts";
import { relativeTime, table, utcTime } from "./print.ts";
import { type Project, publishUrl, shortPath } from "./open.ts";
import { version } from "./version.ts";

export interface BannerInput {
  readonly project: Project;
  /** The beat-record's path. */
  readonly record: string;
  readonly log: string;
  readonly maxIntervalMs: number;
  readonly now: Instant;
}

export const bannerTitle = `lovage beat v${version()} is starting`;

export function banner(input: BannerInput): string {
  const lines = table(rowsOf(input).map(([name, text]) => [`  . ${name}`, "->", text]));
  return `${bannerTitle}, ${utcTime(input.now)}, Node ${process.version}, pid ${process.pid}\n${lines}`;
}

/** The same for a log that machines read. */
export function bannerFields(input: BannerInput): Readonly<Record<string, string>> {
  return { event: "beat-starting", version: version(), node: process.version, ...Object.fromEntries(rowsOf(input)) };
}

function rowsOf(input: BannerInput): readonly (readonly [name: string, text: string])[] {
  const { project, now } = input;
  return [
    ["app", appText(project)],
    ["broker", brokerText(project)],
    ["record", input.record],
    ["entries", entriesText(project)],
    ["next", nextText(project.entries, now)],
    ["timezone", `${project.app.conf.timezone} (tz data ${process.versions.tz})`],
    ["scope", project.scope],
    ["log", input.log],
    ["maxinterval", `${input.maxIntervalMs / 1000} s`],
  ];
}

function brokerText(project: Project): string {
  const { conf } = project.app;
  const isDefault = conf.isBrokerDefault && conf.brokerWriteUrl === null;
  return `${maskUrl(publishUrl(project))}${isDefault ? "  (embedded default: no server needed; -b names another)" : ""}`;
}

function appText({ app, file }: Project): string {
  return file === undefined ? `${app.name} (no -A: schedule files only)` : `${app.name} (${shortPath(file)})`;
}

function entriesText({ entries, files, file }: Project): string {
  const off = entries.filter((entry) => !entry.enabled).length;
  const where = [...(file === undefined ? [] : ["code"]), ...files.map(shortPath)].join(", ");
  return `${entries.length}${off === 0 ? "" : `, ${off} of them not enabled`} (${where})`;
}

function nextText(entries: readonly Entry[], now: Instant): string {
  let first: { entry: Entry; at: Instant } | undefined;
  for (const entry of entries) {
    const at = entry.enabled ? entry.schedule.next(now) : null;
    if (at !== null && (first === undefined || at < first.at)) first = { entry, at };
  }
  return first === undefined ? "nothing is due, ever" : `${first.entry.name}, ${relativeTime(first.at, now)} or sooner`;
}
