// How a worker tells its child processes which app to open: in their environment, which is nobody else's to read.
import type { AppSettingsInput } from "../app/conf.ts";
import { LovageError } from "../error.ts";
import type { CommonOptions } from "./options.ts";

export interface ChildOptions {
  /** The worker's node name. */
  readonly node: string;
  readonly options: CommonOptions;
  /** What the worker's own options say in terms of settings. */
  readonly settings: AppSettingsInput;
}

const variable = "LOVAGE_POOL_CHILD";

export function childEnvironment({ node, options, settings }: ChildOptions): Readonly<Record<string, string>> {
  const { app, broker, resultBackend, config, include, color } = options;
  return {
    [variable]: JSON.stringify({ node, options: { app, broker, resultBackend, config, include, color }, settings }),
  };
}

/** Takes it out, so that what a task starts does not inherit it. */
export function readChildOptions(environment: NodeJS.ProcessEnv): ChildOptions {
  const text = environment[variable];
  if (text === undefined) {
    throw new LovageError("usage", "this module is for the child processes of a worker", {
      hint: "run worker -A proj",
    });
  }
  delete environment[variable];
  return JSON.parse(text) as ChildOptions;
}
