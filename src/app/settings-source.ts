// Brings the settings of an app together: what its code says at once, what modules say as soon as they are read.
import { Configuration, type Environment } from "../config/configuration.ts";
import { readModule } from "../config/read.ts";
import { LovageError } from "../error.ts";

export interface SourceOptions {
  readonly environment: Environment;
  /** Where modules are looked for, in turn. */
  readonly folders: readonly string[];
  /** Called before settings are read for the first time. */
  readonly beforeFirstRead: () => void;
}

interface PendingModule {
  readonly name: string;
  readonly done: Promise<void>;
  isSettled: boolean;
}

export class SettingsSource {
  readonly configuration: Configuration;
  readonly #options: SourceOptions;
  #module: PendingModule | undefined;
  #isGiven = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.configuration = new Configuration(options.environment, () => this.#prepare());
  }

  /** Settings from an object, in place of those of an earlier object or module. */
  useObject(settings: object, namespace: string | undefined): void {
    this.#isGiven = true;
    this.#module = undefined;
    this.configuration.clear("object");
    this.configuration.set("object", settings, namespace);
  }

  /** The same from a module; resolves when it has been read. */
  useModule(name: string, namespace: string | undefined): Promise<void> {
    this.#isGiven = true;
    const module: PendingModule = { name, done: this.#read(name, namespace), isSettled: false };
    this.#module = module;
    // Whoever waits for the settings hears of the failure, even if nobody waits for this promise.
    module.done.then(
      () => {
        module.isSettled = true;
      },
      () => undefined,
    );
    return module.done;
  }

  /** Resolves when all settings are there. */
  async load(): Promise<void> {
    const named = this.#options.environment["CELERY_CONFIG_MODULE"];
    if (!this.#isGiven && named !== undefined && named !== "") void this.useModule(named, undefined);
    await this.#module?.done;
  }

  async #read(name: string, namespace: string | undefined): Promise<void> {
    const values = await readModule(name, { folders: this.#options.folders, namespace });
    this.configuration.clear("object");
    this.configuration.add("object", values);
  }

  #prepare(): void {
    this.#options.beforeFirstRead();
    if (this.#module === undefined || this.#module.isSettled) return;
    const hint = `write await app.configFromObject(${JSON.stringify(this.#module.name)})`;
    throw new LovageError("config", `the settings of ${this.#module.name} have not been read yet`, { hint });
  }
}
