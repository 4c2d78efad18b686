// The app: settings, tasks, periodic tasks, and the way a call takes from the project to the broker.
import { dirname } from "node:path";
import type { Broker } from "../broker/broker.ts";
import { type Instant, systemClock } from "../clock.ts";
import { createConf } from "../config/configuration.ts";
import { LovageError } from "../error.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { Signature } from "../protocol/signature.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import type { ResultBackend } from "../result/result.ts";
import type { Entry } from "../schedule/entry.ts";
import type { AsyncResult } from "./async-result.ts";
import { BackendClient } from "./backend.ts";
import { BeatEntries } from "./beat-entries.ts";
import { registerBuiltins } from "./builtin.ts";
import { type CallSite, callSite, nameFrom } from "./call-site.ts";
import { type Calls, createCalls } from "./calls.ts";
import { Client } from "./client.ts";
import { type AppOptions, type AppSettingsInput, type Conf, readAppOptions } from "./conf.ts";
import { Control } from "./control.ts";
import { loadModules } from "./include.ts";
import { appBrand, isApp } from "./is-app.ts";
import { camelOptions } from "./options.ts";
import type { PeriodicOptions, ScheduleInput, TaskReference } from "./periodic.ts";
import { type Run, TaskRegistry } from "./registry.ts";
import { createEnvelopeMaker, type EnvelopeMaker } from "./sending.ts";
import { SettingsSource } from "./settings-source.ts";
import { createSignal, type Signal } from "./signals.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskDefinition } from "./task-definition.ts";
import type { Task } from "./task.ts";

type Kwargs = Readonly<Record<string, unknown>>;

/**
 * An application, Celery's `Celery`: `new App("proj", { broker: "redis://127.0.0.1:6379/0", timezone: "Asia/Taipei" })`.
 *
 * @throws ConfigError from the constructor, with every setting that is unknown or does not fit
 */
export class App {
  /** The first part of the names of tasks, and what beats that share a schedule have in common. */
  readonly name: string;
  /** The settings; see {@link Conf}. */
  readonly conf: Conf;
  /** Sent before settings are read for the first time: the last moment to say where they are. */
  readonly onConfigure: Signal<App>;
  /** Sent when the settings are complete: the place for `addPeriodicTask`. */
  readonly onAfterConfigure: Signal<App>;
  /** Sent when, besides, all tasks are registered. */
  readonly onAfterFinalize: Signal<App>;
  /** Steers the workers of this app, and asks them questions. */
  readonly control: Control;
  readonly [appBrand] = true;

  readonly #onConfigure = createSignal<App>();
  readonly #onAfterConfigure = createSignal<App>();
  readonly #onAfterFinalize = createSignal<App>();
  readonly #site: CallSite | null;
  readonly #namespace: string | undefined;
  readonly #settings: SettingsSource;
  readonly #client: Client;
  readonly #backend: BackendClient;
  readonly #calls: Calls;
  readonly #registry: TaskRegistry;
  readonly #entries: BeatEntries;
  #maker: EnvelopeMaker | undefined;
  #finalizing: Promise<void> | undefined;
  #isFinalized = false;

  constructor(name: string, options?: AppOptions);
  constructor(options?: AppOptions);
  constructor(nameOrOptions: string | AppOptions = {}, options: AppOptions = {}) {
    const { settings, namespace } = readAppOptions(typeof nameOrOptions === "string" ? options : nameOrOptions);
    this.#site = callSite();
    this.#namespace = namespace;
    this.name = typeof nameOrOptions === "string" && nameOrOptions !== "" ? nameOrOptions : nameFrom(this.#site);
    this.onConfigure = this.#onConfigure.signal;
    this.onAfterConfigure = this.#onAfterConfigure.signal;
    this.onAfterFinalize = this.#onAfterFinalize.signal;
    const beforeFirstRead = (): void => this.#onConfigure.start(this);
    this.#settings = new SettingsSource({ environment: process.env, folders: this.#folders(), beforeFirstRead });
    const { configuration } = this.#settings;
    configuration.set("code", settings);
    this.conf = createConf(configuration, (changed) => this.#noteChange(changed)) as Conf;
    this.control = new Control(this);
    this.#client = new Client(configuration);
    this.#backend = new BackendClient(configuration);
    this.#calls = this.#createCalls(this.#client);
    this.#registry = this.#createRegistry();
    this.#entries = new BeatEntries({ configuration, site: this.#site, hasTasks: () => this.#registry.hasOwnTasks });
    registerBuiltins(this);
  }

  /** Registered tasks by name, Celery's own (`celery.backend_cleanup`) among them. */
  get tasks(): ReadonlyMap<string, Task> {
    return this.#registry.tasks;
  }

  /**
   * Registers a function as a task: `const add = app.task("proj.add", (x: number, y: number) => x + y, { queue: "sums" })`.
   * A function that is no arrow function has its run as `this`: `function (this: TaskContext, x: number) {...}`.
   *
   * @throws ConfigError when the name belongs to another function already, or an option is unknown or wrong
   */
  task<Args extends readonly unknown[], Result>(
    name: string,
    run: (this: TaskContext, ...args: Args) => Result,
    options?: TaskDefinition,
  ): Task<Args, Result>;
  /** The same under the name of the app and of the function: `app.task(add)` of the app `proj` is `proj.add`. */
  task<Args extends readonly unknown[], Result>(
    run: (this: TaskContext, ...args: Args) => Result,
    options?: TaskDefinition,
  ): Task<Args, Result>;
  task(first: string | Run, second?: Run | TaskDefinition, third: TaskDefinition = {}): Task {
    if (typeof first === "string") return this.#registry.register(first, second, third);
    return this.#registry.register(undefined, first, (second ?? {}) as TaskDefinition);
  }

  /**
   * Calls a task by its name, be it of this project or of another, in whatever language.
   *
   * @throws LovageError when an argument or option is wrong, or the broker stays out of reach
   */
  async sendTask(
    name: string,
    args: readonly unknown[] = [],
    kwargs: Kwargs = {},
    options: TaskOptions = {},
  ): Promise<AsyncResult> {
    return this.#calls.send({ task: name, args, kwargs, options: camelOptions(options) });
  }

  /** A signature of a task by its name, which this app can send. */
  signature(
    task: string,
    args: readonly unknown[] = [],
    kwargs: Kwargs = {},
    options: TaskOptions = {},
  ): Signature<AsyncResult> {
    const { send } = this.#calls;
    return new Signature<AsyncResult>({ task, args, kwargs, options: camelOptions(options) }, send);
  }

  /** The handle of a task by its id, to ask what became of it. */
  asyncResult<T = unknown>(id: string): AsyncResult<T> {
    return this.#calls.resultOf<T>(id);
  }

  /**
   * Reads settings from an object at once, in camel or snake case or Celery's old upper case. What the code sets on
   * `app.conf` or has given to the constructor wins over them, as in Celery.
   *
   * @throws ConfigError with every setting that is unknown or does not fit
   */
  configFromObject(settings: object, options?: { readonly namespace?: string }): void;
  /**
   * The same from a module or a JSON or YAML file: a path or a dotted name, from the folder of the app or the working
   * directory. Until it has been read, which commands and calls wait for, `app.conf` refuses to be read.
   */
  configFromObject(module: string | URL, options?: { readonly namespace?: string }): Promise<void>;
  configFromObject(source: object | string | URL, options: { readonly namespace?: string } = {}): Promise<void> | void {
    const namespace = options.namespace ?? this.#namespace;
    this.#noteChange();
    if (typeof source === "string" || source instanceof URL) return this.#settings.useModule(String(source), namespace);
    this.#settings.useObject(source, namespace);
  }

  /**
   * What the command line says: wins over the environment and over everything the project says.
   *
   * @throws ConfigError with every setting that is unknown or does not fit
   */
  override(settings: AppSettingsInput): void {
    this.#settings.configuration.set("command line", settings);
    this.#noteChange();
  }

  /**
   * Schedules a call: `app.addPeriodicTask(10, hello.s("there"), { name: "every 10s", queue: "queue1" })`. Arguments in
   * the options come before those of the signature, as in Celery.
   *
   * @param schedule seconds, a span such as `1h30m`, a crontab text, or what `crontab`, `every`, `solar`, `clocked` give
   * @returns the entry's name
   */
  addPeriodicTask(schedule: ScheduleInput, sign: Signature | TaskReference, options: PeriodicOptions = {}): string {
    return this.#entries.add(schedule, sign, options);
  }

  /**
   * The periodic tasks of the code, and `celery.backend_cleanup` where results are kept in a file.
   *
   * @throws ConfigError with everything that is wrong with any of them; LovageError before {@link finalize}
   */
  entries(): readonly Entry[] {
    if (!this.#isFinalized) {
      const hint = "write await app.finalize() first";
      throw new LovageError("config", "periodic tasks are known when the app is finalized", { hint });
    }
    return this.#entries.list();
  }

  /**
   * The message for a call, with what its task, `taskRoutes` and the settings add to it.
   *
   * @param at when it is sent: `countdown` and `expires` count from here
   * @throws LovageError when an argument, an option or a route is wrong
   */
  createEnvelope(call: TaskCall, at: Instant = systemClock.now()): Envelope {
    this.#maker ??= createEnvelopeMaker(this.#settings.configuration);
    return this.#maker(call, at, this.tasks.get(call.task));
  }

  /** Whether no function has a say in `taskRoutes`: calls of one task with the same options all go the same way. */
  get hasStaticRoutes(): boolean {
    return (this.#maker ??= createEnvelopeMaker(this.#settings.configuration)).isStatic;
  }

  /**
   * Completes the app, as commands do before they start: reads the settings, loads the modules of `imports` and
   * `include`, and sends the signals, each handler awaited. Safe to call again.
   *
   * @throws ConfigError with what is wrong in settings or modules; whatever a handler throws
   */
  async finalize(): Promise<void> {
    this.#finalizing ??= this.#finalize();
    await this.#finalizing;
    // Handlers that came since then have been called; they may still be at work.
    await this.#onAfterConfigure.send(this);
    await this.#onAfterFinalize.send(this);
  }

  /** The broker for publishing, opened at the first call and kept until {@link close}. */
  async broker(): Promise<Broker> {
    await this.#loadSettings();
    return this.#client.broker();
  }

  /** The place that keeps results, opened at the first call and kept until {@link close}; null: none is configured. */
  async backend(): Promise<ResultBackend | null> {
    await this.#loadSettings();
    return this.#backend.backend();
  }

  /** Closes the connections to the broker and to the results; the next call would open others. */
  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#backend.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return this === App ? isApp(value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  async #finalize(): Promise<void> {
    await this.#loadSettings();
    const { configuration } = this.#settings;
    await loadModules([...configuration.get("imports"), ...configuration.get("include")], this.#folders());
    await this.#onAfterConfigure.send(this);
    this.#registry.checkAnnotations();
    this.#isFinalized = true;
    await this.#onAfterFinalize.send(this);
  }

  async #loadSettings(): Promise<void> {
    await this.#onConfigure.send(this);
    await this.#settings.load();
  }

  #createCalls(client: Client): Calls {
    const prepare = async (): Promise<void> => {
      await this.#loadSettings();
      this.#onAfterConfigure.start(this);
    };
    return createCalls({ app: this, configuration: this.#settings.configuration, client, prepare });
  }

  #createRegistry(): TaskRegistry {
    return new TaskRegistry({
      app: this,
      send: (call, task) => this.#calls.call(call, task),
      annotations: () => this.#settings.configuration.get("taskAnnotations"),
    });
  }

  #folders(): readonly string[] {
    return [...new Set([this.#site === null ? process.cwd() : dirname(this.#site.file), process.cwd()])];
  }

  /** What was worked out from the settings is worked out anew. */
  #noteChange(setting?: string): void {
    this.#maker = undefined;
    this.#registry.forgetAnnotations();
    if (setting === "beatSchedule") this.#entries.noteBeatSchedule();
  }
}
