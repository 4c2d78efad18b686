// Every setting: its name, its type, its default and its check, in one place that types, run time and messages share.
import { z } from "zod";
import { didYouMean, type Problem } from "../error.ts";
import { type CeleryOnlySetting, celeryOnly } from "./celery-only.ts";
import { beat } from "./section/beat.ts";
import { broker } from "./section/broker.ts";
import { general } from "./section/general.ts";
import { result } from "./section/result.ts";
import { type QueueDefinition, type RetryPolicy, task } from "./section/task.ts";
import { worker } from "./section/worker.ts";

const schema = z.object({ ...general, ...broker, ...beat, ...task, ...result, ...worker });

/** All settings, each with a value: Celery's names in camel case, spans in seconds, null for what is not set. */
export interface Settings extends z.output<typeof schema> {}

export type SettingName = keyof Settings;

/** `taskDefaultQueue` to `task_default_queue`. */
export type SnakeCase<Name extends string, Done extends string = ""> = Name extends `${infer Head}${infer Rest}`
  ? SnakeCase<Rest, `${Done}${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}`>
  : Done;

type CeleryOnlySettings = { readonly [Name in CeleryOnlySetting | SnakeCase<CeleryOnlySetting>]?: unknown };

/** Settings that may be written in more ways than they are kept. */
interface Written {
  brokerUrl: string | readonly string[];
  brokerReadUrl: string | readonly string[] | null;
  brokerWriteUrl: string | readonly string[] | null;
  imports: string | readonly string[];
  include: string | readonly string[];
  acceptContent: string | readonly string[];
  resultAcceptContent: string | readonly string[] | null;
  taskDefaultDeliveryMode: 1 | 2 | "transient" | "persistent";
  taskPublishRetryPolicy: Partial<RetryPolicy>;
  taskQueues: readonly (string | QueueDefinition)[] | Readonly<Record<string, Omit<QueueDefinition, "name">>> | null;
}

type WrittenAs<Name extends SettingName, More> = Name extends keyof More
  ? More[Name]
  : Name extends keyof Written
    ? Written[Name]
    : Settings[Name];

/**
 * What one may write: any of the settings, in camel or snake case. Undefined is as good as absent. `More` has the types
 * of settings whose values a higher floor knows better.
 */
export type SettingsInput<More = unknown> = {
  readonly [Name in SettingName]?: WrittenAs<Name, More> | undefined;
} & {
  readonly [Name in SettingName as SnakeCase<Name>]?: WrittenAs<Name, More> | undefined;
} & CeleryOnlySettings;

/** The names of all settings that have an effect, in camel case. */
export const settingNames: readonly SettingName[] = Object.freeze(Object.keys(schema.shape) as SettingName[]);

/** Whether this is the camel-case name of a setting that has an effect. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(schema.shape, name);
}

/** What a setting is when nobody says anything; a fresh value each time, never shared. */
export function defaultOf<Name extends SettingName>(name: Name): Settings[Name] {
  return schema.shape[name].parse(undefined) as Settings[Name];
}

export type Checked = { readonly value: unknown } | { readonly problems: readonly Problem[] };

/** The value in the form it is kept in, or what is wrong with it. `written` is how the user spelt the name. */
export function checkSetting(name: SettingName, value: unknown, written: string = name): Checked {
  const outcome = schema.shape[name].safeParse(value);
  if (outcome.success) return { value: outcome.data };
  return { problems: outcome.error.issues.map((issue) => describeIssue(written, issue)) };
}

function describeIssue(name: string, issue: z.core.$ZodIssue): Problem {
  const place = [name, ...issue.path.map(String)].join(".");
  if (issue.code === "unrecognized_keys") return { message: `${place}: unknown key ${issue.keys.join(", ")}` };
  const hint = issue.code === "custom" ? (issue.params?.["hint"] as string | undefined) : undefined;
  return { message: `${place}: ${issue.message.replace(/^Invalid input: /, "")}`, hint };
}

/** The problem of a name that is no setting of anybody's; `shown` is how the user wrote it. */
export function unknownSetting(name: string, shown: string = name): Problem {
  const near = nearestSetting(name);
  if (near === null) return { message: `unknown setting ${shown}` };
  return { message: `unknown setting ${shown}`, hint: `did you mean ${shown.includes("_") ? snakeCase(near) : near}?` };
}

/** The setting that a mistyped name was meant to be, or null. */
export function nearestSetting(name: string): string | null {
  return didYouMean(name, [...settingNames, ...celeryOnly.keys()]);
}

/** `taskDefaultQueue` to `task_default_queue`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
