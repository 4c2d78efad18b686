// Where settings come from: objects, modules and files, the environment and the command line. Each gives the same map of
// names to checked values, and all of its mistakes at once.
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { parse as parseYaml } from "yaml";
import { ConfigError, messageOf, type Problem } from "../error.ts";
import { importModule, locateModule, moduleExtensions } from "./module.ts";
import { canonicalName, withoutNamespace } from "./names.ts";
import {
  checkSetting,
  isSettingName,
  nearestSetting,
  type SettingName,
  type Settings,
  unknownSetting,
} from "./settings.ts";
import { shownPath } from "./shown-path.ts";
import { parseText } from "./text.ts";

export interface SettingValues {
  /** Checked, by name in camel case. */
  readonly settings: Readonly<Partial<Settings>>;
  /** Names of Celery's that were given and have no effect, in camel case. */
  readonly ignored: readonly string[];
}

export interface ReadOptions {
  /** Only names that begin with this are settings, and it is not part of their names. */
  readonly namespace?: string | undefined;
}

/**
 * Settings from an object whose keys are in camel case, snake case or Celery's old upper case. Undefined is as good as
 * absent.
 *
 * @throws ConfigError with every unknown name and every bad value
 */
export function readSettings(source: object, options: ReadOptions = {}): SettingValues {
  return collect(ownSettings(source, options.namespace));
}

function ownSettings(source: object, namespace: string | undefined): readonly Written[] {
  const all = Object.entries(source).filter(([, value]) => value !== undefined);
  if (namespace === undefined) return all.map(([name, value]) => ({ shown: name, name, value }));
  return all.flatMap(([shown, value]) => {
    const name = withoutNamespace(shown, namespace);
    return name === null ? [] : [{ shown, name, value }];
  });
}

interface Written {
  readonly shown: string;
  readonly name: string;
  readonly value: unknown;
}

function collect(written: readonly Written[]): SettingValues {
  const settings: Record<string, unknown> = {};
  const writtenAs = new Map<string, string>();
  const ignored: string[] = [];
  const problems: Problem[] = [];
  for (const { shown, name, value } of written) {
    const canonical = canonicalName(name);
    const earlier = canonical === null ? undefined : writtenAs.get(canonical);
    if (canonical === null) problems.push(unknownSetting(name, shown));
    else if (earlier !== undefined) problems.push({ message: `${earlier} and ${shown} are the same setting` });
    else if (!isSettingName(canonical)) ignored.push(canonical);
    else {
      const checked = checkSetting(canonical, value, shown);
      if ("problems" in checked) problems.push(...checked.problems);
      else settings[canonical] = checked.value;
    }
    if (canonical !== null) writtenAs.set(canonical, shown);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { settings, ignored };
}

/** Celery's own variables; they win over those that begin with `LOVAGE_` as little as over each other. */
const celeryVariables: ReadonlyMap<string, SettingName> = new Map([
  ["CELERY_BROKER_URL", "brokerUrl"],
  ["CELERY_BROKER_READ_URL", "brokerReadUrl"],
  ["CELERY_BROKER_WRITE_URL", "brokerWriteUrl"],
  ["CELERY_RESULT_BACKEND", "resultBackend"],
]);

/**
 * Settings from the environment: `CELERY_BROKER_URL`, `CELERY_BROKER_READ_URL`, `CELERY_BROKER_WRITE_URL` and
 * `CELERY_RESULT_BACKEND` as in Celery, and every setting as `LOVAGE_` and its name in upper case
 * (`LOVAGE_TASK_DEFAULT_QUEUE`), which wins over Celery's variable. An empty variable is as good as absent. A `LOVAGE_`
 * variable that resembles no setting is left alone: container platforms put such there by themselves.
 *
 * @throws ConfigError for values that do not fit and names that are nearly right
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): SettingValues {
  const written = new Map<string, Written>();
  const problems: Problem[] = [];
  for (const [variable, name] of [...celeryNames(environment), ...ownNames(environment)]) {
    const canonical = canonicalName(name);
    const text = environment[variable] ?? "";
    if (canonical === null) {
      if (nearestSetting(name) !== null) problems.push(environmentProblem(variable, name));
    } else if (isSettingName(canonical) && text !== "") {
      written.set(canonical, { shown: variable, name: canonical, value: parseText(canonical, text) });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return collect([...written.values()]);
}

function celeryNames(environment: Readonly<Record<string, string | undefined>>) {
  return [...celeryVariables].filter(([variable]) => environment[variable] !== undefined);
}

function ownNames(environment: Readonly<Record<string, string | undefined>>): readonly (readonly [string, string])[] {
  return Object.keys(environment).flatMap((variable) => {
    const name = variable.startsWith("LOVAGE_") ? withoutNamespace(variable, "LOVAGE") : null;
    return name === null ? [] : [[variable, name] as const];
  });
}

function environmentProblem(variable: string, name: string): Problem {
  const near = unknownSetting(name, name).hint?.replace(/^did you mean (.*)\?$/, "$1") ?? "";
  return {
    message: `unknown setting ${variable} in the environment`,
    hint: `did you mean LOVAGE_${near.toUpperCase()}?`,
  };
}

export interface ModuleOptions extends ReadOptions {
  /** Where to look, in turn. */
  readonly folders: readonly string[];
}

/**
 * Settings from a module (its default export if that is an object, else all its exports), or from a JSON or YAML file.
 * The name is a path, or a dotted name as in Python: `celeryconfig`, `proj.celeryconfig`, `./settings.yaml`.
 *
 * @throws ConfigError when there is no such module, when it throws, and for every mistake in its settings
 */
export async function readModule(name: string, options: ModuleOptions): Promise<SettingValues> {
  const located = locateModule(name, options.folders, [...moduleExtensions, ".json", ".yaml", ".yml"]);
  if ("tried" in located) {
    const near = located.near === null ? "" : `did you mean ${located.near}? `;
    const hint = `${near}tried ${located.tried.join(", ")}`;
    throw new ConfigError([{ message: `settings module ${name} not found`, hint }]);
  }
  const source = await readSource(located.file);
  try {
    return readSettings(source, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => ({ file: shownPath(located.file), ...problem })));
  }
}

async function readSource(file: string): Promise<object> {
  const source = await (/\.(json|ya?ml)$/.test(extname(file)) ? readData(file) : readExports(file));
  if (typeof source === "object" && source !== null && !Array.isArray(source)) return source;
  throw new ConfigError([{ file: shownPath(file), message: "expected an object of settings" }]);
}

/** JSON is YAML, too. */
async function readData(file: string): Promise<unknown> {
  try {
    return parseYaml(await readFile(file, "utf8")) ?? {};
  } catch (error) {
    const message =
      messageOf(error)
        .split("\n", 1)[0]
        ?.replace(/ at line \d+, column \d+:?$/, "") ?? "";
    const start = (error as { linePos?: readonly { line: number; col: number }[] }).linePos?.[0];
    throw new ConfigError([{ file: shownPath(file), line: start?.line, column: start?.col, message }], error);
  }
}

async function readExports(file: string): Promise<unknown> {
  const exports = await importModule(file);
  const main = exports["default"];
  if (typeof main === "object" && main !== null) return main;
  return Object.fromEntries(Object.entries(exports).filter(([name]) => name !== "module.exports"));
}
