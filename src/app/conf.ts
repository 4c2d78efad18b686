// `app.conf` and the options of `new App`, with the types that the configuration room cannot know.
import type { ConfigurationMethods } from "../config/configuration.ts";
import type { SettingsInput, Settings, SnakeCase } from "../config/settings.ts";
import type { PeriodicTask } from "./periodic.ts";
import type { TaskRoutes } from "./routes.ts";

/** `beatSchedule`: periodic tasks by name. */
export type BeatSchedule = Record<string, PeriodicTask>;

interface Refined {
  beatSchedule: BeatSchedule;
  taskRoutes: TaskRoutes | null;
}

type AppSettings = Omit<Settings, keyof Refined> & Refined;

/** What may be written: any setting, in camel or snake case. Undefined is as good as absent. */
export type AppSettingsInput = SettingsInput<Refined>;

/**
 * The settings of an app, under camel-case names and Celery's own. A name that is no setting and a value that does not
 * fit are refused when they are written.
 */
export type Conf = AppSettings & { [Name in keyof AppSettings as SnakeCase<Name>]: AppSettings[Name] } & Omit<
    ConfigurationMethods,
    "update"
  > & {
    /**
     * Sets several settings, in camel or snake case.
     *
     * @throws ConfigError with every unknown name and every bad value; nothing is set then
     */
    update(settings: AppSettingsInput): void;
  };

/** Options of `new App`: Celery's short names, and every setting. */
export type AppOptions = AppSettingsInput & {
  /** The same as `brokerUrl`. */
  readonly broker?: string | undefined;
  /** The same as `resultBackend`. */
  readonly backend?: string | undefined;
  /** For `configFromObject`: the prefix of setting names. */
  readonly namespace?: string | undefined;
};

export interface ReadOptions {
  readonly settings: object;
  readonly namespace: string | undefined;
}

/** Splits what belongs to the app itself from what is a setting. */
export function readAppOptions(options: AppOptions): ReadOptions {
  const { broker, backend, namespace, ...settings } = options;
  const given: Record<string, unknown> = { ...settings };
  if (broker !== undefined) given["brokerUrl"] = broker;
  if (backend !== undefined) given["resultBackend"] = backend;
  return { settings: given, namespace };
}
