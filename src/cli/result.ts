// `lovage result ID`: what came of a task, or the stack of one that failed.
import type { App } from "../app/app.ts";
import { type BackendSettings, BackendClient } from "../app/backend.ts";
import { LovageError } from "../error.ts";
import { exceptionRepr, readException } from "../protocol/exception.ts";
import { writeJson } from "../protocol/json-writer.ts";
import { isReady, type ResultMeta } from "../protocol/result-meta.ts";
import { openApp } from "./open.ts";
import type { CommonOptions } from "./options.ts";

export interface ResultOptions extends CommonOptions {
  readonly traceback?: boolean;
  readonly json?: boolean;
}

/** Resolves with the exit code: 0 for a task that succeeded, 1 for one that failed, or is not ready or not known. */
export async function resultCommand(id: string, options: ResultOptions): Promise<number> {
  const { app } = await openApp(options);
  const meta = await findMeta(app, id);
  const problem = options.json === true ? null : problemOf(id, meta, options);
  if (problem !== null) process.stderr.write(`lovage result: ${problem}\n`);
  else process.stdout.write(`${textOf(id, meta, options).trimEnd()}\n`);
  return meta?.state === "SUCCESS" || meta?.state === "IGNORED" ? 0 : 1;
}

/** Why there is nothing to print; null when there is. */
function problemOf(id: string, meta: ResultMeta | null, { traceback }: ResultOptions): string | null {
  if (meta === null || !isReady(meta.state)) return notReady(id, meta);
  return traceback === true && meta.traceback === null ? `${id} has no traceback: it is ${meta.state}` : null;
}

function textOf(id: string, meta: ResultMeta | null, { json, traceback }: ResultOptions): string {
  if (json === true || meta === null) return writeJson(jsonOf(id, meta));
  return (traceback === true ? meta.traceback : null) ?? valueText(meta);
}

async function findMeta({ conf }: App, id: string): Promise<ResultMeta | null> {
  const settings = { get: (name: keyof typeof conf) => conf[name], layerOf: conf.sourceOf } as BackendSettings;
  const client = new BackendClient(settings);
  try {
    const backend = await client.backend();
    if (backend === null) {
      const hint = "set resultBackend in the app, or name it with --result-backend";
      throw new LovageError("result", "no result backend is configured, so results are not kept", { hint });
    }
    const [meta = null] = await backend.get([id]);
    return meta;
  } finally {
    await client.close();
  }
}

function notReady(id: string, meta: ResultMeta | null): string {
  if (meta === null) return `nothing is known of ${id}: it has not started, or its result has expired or is not kept`;
  const error = readException(meta.result);
  const why = meta.state === "RETRY" && error !== null ? ` after ${exceptionRepr(error)}` : "";
  return `${id} has no result yet: it is ${meta.state}${why}`;
}

/** Text as it is, everything else as JSON; an error as Python shows it. */
function valueText({ state, result }: ResultMeta): string {
  const error = state === "SUCCESS" ? null : readException(result);
  if (error !== null) return `${state}: ${exceptionRepr(error)}`;
  return typeof result === "string" ? result : writeJson(result, "the result");
}

function jsonOf(id: string, meta: ResultMeta | null): object {
  const { state = "PENDING", result = null, traceback = null, doneAt = null } = meta ?? {};
  const done = doneAt === null ? null : new Date(doneAt).toISOString();
  return { task_id: id, status: state, result, traceback, date_done: done, ...meta?.extended };
}
