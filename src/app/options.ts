// Options of calls, routes and tasks: the same names in camel or snake case, and how one set gives way to another.
import { camelCase } from "../config/section/value.ts";
import type { TaskOptions } from "../protocol/task-options.ts";

/** Celery's spelling made ours; what is null or undefined says nothing, as in Celery, and is left out. */
export function camelOptions(options: object): TaskOptions {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries.map(([name, value]) => [camelCase(name), value]));
}

/** The later options win; what they leave undefined or null does not count. */
export function mergeOptions(...layers: readonly TaskOptions[]): TaskOptions {
  const merged: Record<string, unknown> = {};
  for (const layer of layers as readonly Readonly<Record<string, unknown>>[]) {
    for (const name of Object.keys(layer)) {
      const value = layer[name];
      if (value !== undefined && value !== null) merged[name] = value;
    }
  }
  return merged;
}
