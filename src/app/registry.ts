// The tasks of an app by name. Two functions under one name would be a riddle for every worker, so the second is refused.
import { systemClock } from "../clock.ts";
import { ConfigError } from "../error.ts";
import type { TaskCall } from "../protocol/task.ts";
import { type Annotations, type Annotator, createAnnotator } from "./annotations.ts";
import type { App } from "./app.ts";
import type { AsyncResult } from "./async-result.ts";
import { type CallSite, callSite, formatCallSite } from "./call-site.ts";
import { LiveContext, type TaskContext } from "./task-context.ts";
import { checkDefinition, type TaskDefinition } from "./task-definition.ts";
import { directRequest } from "./task-request.ts";
import { createTask, type Task } from "./task.ts";

/** The function of a task. */
export type Run = (this: TaskContext, ...args: unknown[]) => unknown;

export interface RegistryOptions {
  /** Its name is the first part of that of a task that is registered without one. */
  readonly app: App;
  readonly send: (call: TaskCall, task: Task) => Promise<AsyncResult>;
  /** `taskAnnotations`. */
  readonly annotations: () => Annotations;
}

export class TaskRegistry {
  readonly #options: RegistryOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #places = new Map<string, CallSite | null>();
  #annotate: Annotator | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get tasks(): ReadonlyMap<string, Task> {
    return this.#tasks;
  }

  /**
   * A task of the function, or the one that was made of it before under the same name.
   *
   * @throws ConfigError when the name belongs to another function, naming both places; when an option is not right
   */
  register(named: string | undefined, run: unknown, definition: TaskDefinition): Task {
    if (typeof run !== "function") throw noFunction(String(named));
    const { app, send } = this.#options;
    const name = named ?? definition.name ?? taskNameOf(run, app.name);
    const own = checkDefinition(name, definition);
    const task: Task = createTask({
      name,
      run: run as Run,
      options: () => this.#annotated(name, own),
      send: (call) => send(call, task),
      context: (args) => directContext(app, task, args),
    });
    return this.#add(task);
  }

  /** Whether there are any but Celery's own. */
  get hasOwnTasks(): boolean {
    return [...this.#tasks.keys()].some((name) => !name.startsWith("celery."));
  }

  /** The settings may say otherwise now. */
  forgetAnnotations(): void {
    this.#annotate = undefined;
  }

  /** @throws ConfigError when what the settings say of a task is wrong */
  checkAnnotations(): void {
    for (const { name, options } of this.#tasks.values()) checkDefinition(name, options);
  }

  #annotated(name: string, own: TaskDefinition): TaskDefinition {
    this.#annotate ??= createAnnotator(this.#options.annotations());
    return this.#annotate(name, own);
  }

  #add(task: Task): Task {
    const place = callSite();
    const other = this.#tasks.get(task.name);
    if (other !== undefined && other.run !== task.run) throw this.#clash(task.name, place);
    if (other !== undefined) return other;
    this.#tasks.set(task.name, task);
    this.#places.set(task.name, place);
    return task;
  }

  #clash(name: string, place: CallSite | null): ConfigError {
    const first = this.#places.get(name);
    const where = first === undefined || first === null ? "" : ` at ${formatCallSite(first)}`;
    const file = place === null ? undefined : formatCallSite(place);
    const hint = "give one of them another name";
    return new ConfigError([{ file, message: `task ${name} is registered already${where}`, hint }]);
  }
}

/** The `this` of a function that is called as such. */
function directContext(app: App, task: Task, args: readonly unknown[]): TaskContext {
  const request = directRequest(task.name, args);
  return new LiveContext({ app, task, request, clock: systemClock, timezone: "UTC", onState: () => undefined });
}

function taskNameOf(run: { readonly name: string }, prefix: string): string {
  if (run.name !== "") return `${prefix}.${run.name}`;
  throw new ConfigError([{ message: "a task needs a name", hint: 'write app.task("proj.add", (x, y) => x + y)' }]);
}

function noFunction(name: string): ConfigError {
  const hint = 'write app.task("proj.add", (x, y) => x + y)';
  return new ConfigError([{ message: `task ${name} has no function`, hint }]);
}
