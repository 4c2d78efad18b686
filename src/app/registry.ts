// The tasks of an app by name. Two functions under one name would be a riddle for every worker, so the second is refused.
import { ConfigError } from "../error.ts";
import type { TaskCall } from "../protocol/task.ts";
import type { AsyncResult } from "./async-result.ts";
import { type CallSite, callSite, formatCallSite } from "./call-site.ts";
import { checkDefinition, type TaskDefinition } from "./task-definition.ts";
import { createTask, type Task } from "./task.ts";

/** The function of a task. */
export type Run = (...args: unknown[]) => unknown;

export interface RegistryOptions {
  /** The first part of the name of a task that is registered without one. */
  readonly prefix: string;
  readonly send: (call: TaskCall, run: Run) => Promise<AsyncResult>;
}

export class TaskRegistry {
  readonly #options: RegistryOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #places = new Map<string, CallSite | null>();

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
    const name = named ?? definition.name ?? taskNameOf(run, this.#options.prefix);
    const options = checkDefinition(name, definition);
    const send = (call: TaskCall): Promise<AsyncResult> => this.#options.send(call, run as Run);
    return this.#add(createTask({ name, run: run as Run, options, send }));
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

function taskNameOf(run: { readonly name: string }, prefix: string): string {
  if (run.name !== "") return `${prefix}.${run.name}`;
  throw new ConfigError([{ message: "a task needs a name", hint: 'write app.task("proj.add", (x, y) => x + y)' }]);
}

function noFunction(name: string): ConfigError {
  const hint = 'write app.task("proj.add", (x, y) => x + y)';
  return new ConfigError([{ message: `task ${name} has no function`, hint }]);
}
