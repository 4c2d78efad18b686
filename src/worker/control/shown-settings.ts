// Settings as they may leave the worker: in Celery's names, as plain data, with what is secret covered as Celery covers it.
import type { App } from "../../app/app.ts";
import { snakeCase } from "../../config/settings.ts";
import { isPlain, wireForm } from "../../protocol/json-writer.ts";
import { maskUrl } from "../../redis/url.ts";

const secretNames = /api|token|key|secret|pass|profanities_list|signature|database/i;
const cover = "********";
/** Deeper than any setting; what refers back to itself ends here. */
const mostLevels = 12;

/** @param withDefaults also those that nobody has set */
export function shownSettings(app: App, withDefaults: boolean): Readonly<Record<string, unknown>> {
  const settings = app.conf.table({ changed: !withDefaults });
  const rows = Object.entries(settings).map(([name, value]) => [snakeCase(name), value] as const);
  return Object.fromEntries(rows.sort(byName).map(([name, value]) => [name, shownValue(name, value, 0)]));
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

function shownValue(name: string, value: unknown, level: number): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "object") return level < mostLevels ? shownObject(name, value, level + 1) : "...";
  return secretNames.test(name) ? cover : shownAtom(value);
}

function shownAtom(value: unknown): unknown {
  if (typeof value === "string") return value.includes("://") ? maskUrl(value) : value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "function") return `<function ${value.name || "without a name"}>`;
  return typeof value === "boolean" ? value : `<${typeof value}>`;
}

function shownObject(name: string, value: object, level: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shownValue(name, item, level));
  if (isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shownValue(key, item, level)]));
  }
  const form = wireForm(value);
  return form === undefined ? `<${value.constructor?.name ?? "object"}>` : shownValue(name, form, level);
}
