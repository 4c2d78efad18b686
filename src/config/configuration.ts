// The settings of one app: layers in the order in which they give way, and Celery's `app.conf` on top of them.
import { ConfigError } from "../error.ts";
import { celeryOnly } from "./celery-only.ts";
import { canonicalName } from "./names.ts";
import { readEnvironment, readSettings, type SettingValues } from "./read.ts";
import {
  defaultOf,
  isSettingName,
  nearestSetting,
  type SettingName,
  type Settings,
  type SettingsInput,
  settingNames,
  unknownSetting,
} from "./settings.ts";

/** Where a value comes from. Later ones win over earlier ones. */
export type Layer = "default" | "object" | "code" | "environment" | "command line";

const layers: readonly Exclude<Layer, "default">[] = ["command line", "environment", "code", "object"];

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * As in Celery, what the code says (`new App(name, {...})`, `app.conf.x = ...`, `app.conf.update`) wins over
 * `configFromObject`, and the environment wins over both; what the command line says wins over all.
 */
export class Configuration {
  readonly #environment: Environment;
  readonly #prepare: () => void;
  readonly #values = new Map<Layer, Map<SettingName, unknown>>();
  readonly #ignored = new Set<string>();
  #environmentRead = false;

  /** `prepare` is called before each reading: it may still add to the layers, or refuse by throwing. */
  constructor(environment: Environment, prepare: () => void = () => undefined) {
    this.#environment = environment;
    this.#prepare = prepare;
  }

  get<Name extends SettingName>(name: Name): Settings[Name] {
    this.#prepare();
    this.#readEnvironment();
    return this.#find(name);
  }

  /** The layer a setting has its value from. */
  layerOf(name: SettingName): Layer {
    this.#prepare();
    this.#readEnvironment();
    if (name === "brokerUrl" && this.#brokerFromParts() !== null) return "code";
    return layers.find((layer) => this.#values.get(layer)?.has(name)) ?? "default";
  }

  /** @throws ConfigError with every unknown name and every bad value; nothing is set then. */
  set(layer: Exclude<Layer, "default">, input: object, namespace?: string): void {
    this.add(layer, readSettings(input, { namespace }));
  }

  add(layer: Exclude<Layer, "default">, { settings, ignored }: SettingValues): void {
    for (const [name, value] of Object.entries(settings)) this.#layer(layer).set(name as SettingName, value);
    for (const name of ignored) this.#ignored.add(name);
  }

  /** Takes away all that was set in a layer. */
  clear(layer: Exclude<Layer, "default">): void {
    this.#values.delete(layer);
  }

  /** Celery's settings that were given and mean nothing here, with the reason. */
  get ignored(): ReadonlyMap<string, string> {
    return new Map([...this.#ignored].map((name) => [name, celeryOnly.get(name) ?? ""] as const));
  }

  #layer(layer: Layer): Map<SettingName, unknown> {
    const values = this.#values.get(layer) ?? new Map<SettingName, unknown>();
    this.#values.set(layer, values);
    return values;
  }

  #readEnvironment(): void {
    if (this.#environmentRead) return;
    const { settings } = readEnvironment(this.#environment);
    this.#environmentRead = true;
    this.add("environment", { settings, ignored: [] });
  }

  #find<Name extends SettingName>(name: Name): Settings[Name] {
    for (const layer of layers) {
      const values = this.#values.get(layer);
      if (values?.has(name)) return values.get(name) as Settings[Name];
    }
    return this.#default(name);
  }

  /** Kept, so that `app.conf.beatSchedule.name = ...` changes something. */
  #default<Name extends SettingName>(name: Name): Settings[Name] {
    const computed = this.#computed(name);
    if (computed !== undefined) return computed as Settings[Name];
    const values = this.#layer("default");
    if (!values.has(name)) values.set(name, defaultOf(name));
    return values.get(name) as Settings[Name];
  }

  /** Defaults that follow from other settings. */
  #computed(name: SettingName): string | undefined {
    if (name === "brokerUrl") return this.#brokerFromParts() ?? undefined;
    if (name === "resultBackend" && this.layerOf("brokerUrl") === "default") return embeddedResults;
    if (name === "timezone" && !this.#find("enableUtc")) return new Intl.DateTimeFormat().resolvedOptions().timeZone;
    return undefined;
  }

  #brokerFromParts(): string | null {
    if (layers.some((layer) => this.#values.get(layer)?.has("brokerUrl"))) return null;
    const host = this.#find("brokerHost");
    if (host === null || host.includes("://")) return host;
    const [user, password] = [this.#find("brokerUser"), this.#find("brokerPassword")].map((part) =>
      part === null ? "" : encodeURIComponent(part),
    );
    const login = user === "" && password === "" ? "" : `${user}:${password}@`;
    const port = this.#find("brokerPort");
    const vhost = this.#find("brokerVhost");
    const address = `${host}${port === null ? "" : `:${port}`}/${vhost === null ? "" : encodeURIComponent(vhost)}`;
    return `${this.#find("brokerTransport") ?? "amqp"}://${login}${address}`;
  }
}

const embeddedResults = "sqlite:///.lovage/results.sqlite";

/** What `app.conf` can do besides being read and written. */
export interface ConfigurationMethods {
  /**
   * Sets several settings; in camel or snake case.
   *
   * @throws ConfigError with every unknown name and every bad value; nothing is set then
   */
  update(settings: SettingsInput): void;
  /** All settings with their present values; `changed` leaves the defaults out. */
  table(options?: { readonly changed?: boolean }): Readonly<Partial<Settings>>;
  /** Where the value of a setting comes from. */
  sourceOf(name: SettingName): Layer;
  /** Whether nobody named a broker, so that the embedded one serves. */
  readonly isBrokerDefault: boolean;
}

/** `app.conf`: reads and writes settings under camel-case and snake-case names, and refuses what is no setting. */
export function createConf(configuration: Configuration, onSet: (name: SettingName) => void = () => undefined): object {
  const update = (settings: object): void => {
    configuration.set("code", settings);
    for (const name of Object.keys(settings).map(canonicalName)) if (name !== null && isSettingName(name)) onSet(name);
  };
  const methods: Readonly<Record<string, unknown>> = {
    update,
    table: (options: { changed?: boolean } = {}) => tableOf(configuration, options.changed === true),
    sourceOf: (name: SettingName) => configuration.layerOf(name),
    toJSON: () => tableOf(configuration, false),
    get isBrokerDefault() {
      return configuration.layerOf("brokerUrl") === "default";
    },
  };
  return new Proxy(methods, {
    get: (target, key) => (typeof key === "symbol" ? undefined : (target[key] ?? readSetting(configuration, key))),
    set: (_, key, value) => {
      update({ [String(key)]: value });
      return true;
    },
    has: (target, key) => typeof key === "string" && (key in target || canonicalName(key) !== null),
    ownKeys: () => [...settingNames],
    getOwnPropertyDescriptor: (_, key) => describeProperty(configuration, key),
    deleteProperty: () => false,
  });
}

/** Inspectors ask any object for all sorts of names, so only what was probably meant as a setting is refused. */
function readSetting(configuration: Configuration, written: string): unknown {
  const name = canonicalName(written);
  if (name !== null) return isSettingName(name) ? configuration.get(name) : undefined;
  if (nearestSetting(written) === null) return undefined;
  throw new ConfigError([unknownSetting(written)]);
}

function describeProperty(configuration: Configuration, key: string | symbol): PropertyDescriptor | undefined {
  const name = typeof key === "symbol" ? null : canonicalName(key);
  if (name === null || !isSettingName(name)) return undefined;
  return { value: configuration.get(name), enumerable: true, configurable: true, writable: true };
}

function tableOf(configuration: Configuration, changed: boolean): Readonly<Partial<Settings>> {
  const names = settingNames.filter((name) => !changed || configuration.layerOf(name) !== "default");
  return Object.fromEntries(names.map((name) => [name, configuration.get(name)]));
}
