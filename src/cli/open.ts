// From options to the things a command works with: the app, the entries of code and files, and where they came from.
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { App } from "../app/app.ts";
import { isAutomatic } from "../app/beat-entries.ts";
import type { AppSettingsInput } from "../app/conf.ts";
import { type FoundApp, findApp } from "../app/find.ts";
import { loadModules } from "../app/include.ts";
import { createBeatEnvelope } from "../beat/envelope.ts";
import { overlapProblems } from "../beat/overlap/needs.ts";
import { rehearse } from "../beat/rehearse.ts";
import { type Steps, Turns } from "../beat/steps.ts";
import { systemClock } from "../clock.ts";
import { importProblems } from "../config/import-problem.ts";
import { readModule } from "../config/read.ts";
import { ConfigError, LovageError, messageOf, type Problem } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import { type LoadedSchedules, loadScheduleFiles } from "../schedule/files.ts";
import { mergeEntries } from "../schedule/parse.ts";
import type { CommonOptions, ScheduleOptions } from "./options.ts";

export interface OpenedApp {
  readonly app: App;
  /** Undefined when there is no `-A`. */
  readonly file: string | undefined;
}

export interface Project extends OpenedApp {
  readonly scope: string;
  readonly entries: readonly Entry[];
  /** The schedule files that were read. */
  readonly files: readonly string[];
  /** Reads the schedule files again; the code stays as it was imported. */
  readonly reread: () => Promise<readonly Entry[]>;
}

/** One for all: two beats on one schedule in different folders must not send twice. Different schedules take --scope. */
const defaultAppName = "lovage";
const checkedAtOnce = 200;
const slowLoadMs = 10_000;
const defaultFolder = "schedules";

/** @param settings what further options of a command say in terms of settings */
export async function openApp(options: CommonOptions, settings: AppSettingsInput = {}): Promise<OpenedApp> {
  enterWorkdir(options.workdir);
  const found = options.app === undefined ? undefined : await load(options.app);
  const app = found?.app ?? new App(defaultAppName);
  if (options.config !== undefined) {
    const { settings: configured } = await readModule(options.config, { folders: [process.cwd()] });
    app.override(configured as AppSettingsInput);
  }
  const { broker, resultBackend, include } = options;
  app.override({ brokerUrl: broker, brokerReadUrl: broker, brokerWriteUrl: broker, resultBackend, ...settings });
  await finalize(app, found?.file);
  if (include !== undefined) await includeModules(app, include, found?.file);
  return { app, file: found?.file };
}

/** `-I` adds to what the app itself includes; its modules may connect to signals that have been sent by now. */
async function includeModules(app: App, include: readonly string[], file: string | undefined): Promise<void> {
  await loadModules(include, [process.cwd()]);
  app.override({ include: [...app.conf.include, ...include] });
  await finalize(app, file);
}

/** A module may wait for anything at its top level; that should not look as if nothing happened. */
async function load(spec: string): Promise<FoundApp> {
  const tell = (): void => void process.stderr.write(`still loading -A ${spec}: a module of it takes its time\n`);
  const timer = setInterval(tell, slowLoadMs).unref();
  try {
    return await findApp(spec, { workdir: process.cwd() });
  } finally {
    clearInterval(timer);
  }
}

/** What a handler of the project throws is a mistake in the project, at its own line. */
async function finalize(app: App, file: string | undefined): Promise<void> {
  try {
    await app.finalize();
  } catch (error) {
    if (error instanceof LovageError) throw error;
    throw new ConfigError(importProblems(error, file ?? ""), error);
  }
}

/**
 * Collects the mistakes of code and files together, and throws them as one.
 *
 * @param beforeReading called with the files and folders of the schedule, before they are read
 */
export async function openProject(
  options: ScheduleOptions,
  beforeReading: (paths: readonly string[]) => Promise<void> = async () => {},
): Promise<Project> {
  const { app, file } = await openApp(options);
  const paths = schedulePaths(options, file);
  await beforeReading(paths);
  const defaults = {
    timezone: app.conf.timezone,
    missedWithinMs: app.conf.beatCronStartingDeadline === null ? null : app.conf.beatCronStartingDeadline * 1000,
  };
  const read = (): Promise<LoadedSchedules> => loadScheduleFiles(paths, defaults);
  const problems: Problem[] = [];
  const code = await collect(async () => app.entries(), problems);
  const loaded = await collect(read, problems);
  if (code === undefined || loaded === undefined) throw new ConfigError(problems);
  if (paths.length === 0 && file === undefined && code.length === 0) throw nothingToSchedule();
  const scope = options.scope ?? app.name;
  let sound: readonly Entry[] = [];
  const complete = async (files: readonly Entry[]): Promise<readonly Entry[]> => {
    const merged = withCode(code, files);
    const turns = new Turns(systemClock);
    // What is as it was when it was looked at need not be looked at again.
    const fresh = await turns.take(othersThan(sound, merged));
    const unsendable = await turns.take(rehearse(fresh, createBeatEnvelope(app, scope), systemClock.now()));
    const wrong = [...unsendable, ...(await turns.take(unwatched(fresh, app)))];
    if (wrong.length > 0) throw new ConfigError(wrong);
    sound = merged;
    return merged;
  };
  const reread = async (): Promise<readonly Entry[]> => complete((await read()).entries);
  return { app, file, scope, entries: await complete(loaded.entries), files: loaded.files, reread };
}

/** Code has few entries: a hundred thousand of a file are not gone through by name once more. */
function withCode(code: readonly Entry[], files: readonly Entry[]): readonly Entry[] {
  const names = new Set(code.map(({ name }) => name));
  const rivals = files.filter(({ name }) => names.has(name));
  const taken = new Set(rivals.map(({ name }) => name));
  const kept = code.filter((entry) => !isAutomatic(entry) || !taken.has(entry.name));
  mergeEntries(kept, rivals);
  return kept.length === 0 ? files : Object.freeze([...kept, ...files]);
}

function* unwatched(entries: readonly Entry[], app: App): Steps<readonly Problem[]> {
  const problems: Problem[] = [];
  for (let from = 0; from < entries.length; from += checkedAtOnce) {
    problems.push(...overlapProblems(entries.slice(from, from + checkedAtOnce), app));
    yield;
  }
  return problems;
}

function* othersThan(known: readonly Entry[], entries: readonly Entry[]): Steps<readonly Entry[]> {
  if (known.length === 0) return entries;
  const same = new Set<Entry>();
  for (const entry of known) {
    same.add(entry);
    yield;
  }
  const others: Entry[] = [];
  for (const entry of entries) {
    if (!same.has(entry)) others.push(entry);
    yield;
  }
  return others;
}

/** Where beat publishes to: Celery lets that differ from where workers consume. */
export function publishUrl({ app: { conf } }: OpenedApp): string {
  return conf.brokerWriteUrl ?? conf.brokerUrl;
}

/** Where a worker consumes from. */
export function consumeUrl({ app: { conf } }: OpenedApp): string {
  return conf.brokerReadUrl ?? conf.brokerUrl;
}

/** A path as a user would write it. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

export function enterWorkdir(workdir: string | undefined): void {
  if (workdir === undefined) return;
  try {
    process.chdir(workdir);
  } catch (error) {
    const hint = "--workdir takes an existing folder";
    throw new LovageError("usage", `cannot change to ${resolve(workdir)}: ${messageOf(error)}`, { hint });
  }
}

/** Given ones must exist; the default folder, here or beside the app, need not. */
function schedulePaths(options: ScheduleOptions, appFile: string | undefined): readonly string[] {
  if (options.schedules !== undefined) return options.schedules;
  const places = [process.cwd(), ...(appFile === undefined ? [] : [dirname(appFile)])];
  const folder = places.map((place) => join(place, defaultFolder)).find((path) => existsSync(path));
  return folder === undefined ? [] : [shortPath(folder)];
}

function nothingToSchedule(): LovageError {
  const hint = "name an app with -A proj, or schedule files with --schedules PATH";
  return new LovageError("usage", `nothing to schedule: there is no ${defaultFolder}/ folder in ${process.cwd()}`, {
    hint,
  });
}

async function collect<T>(run: () => Promise<T>, problems: Problem[]): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}
