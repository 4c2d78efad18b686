// The fields of Celery's task events, and the result records that belong to a request.
import type { Instant } from "../clock.ts";
import { readBodyText } from "../protocol/body.ts";
import { writeJson } from "../protocol/json-writer.ts";
import { isReady, type ResultRecord, type ResultTuple } from "../protocol/result-meta.ts";
import type { Request } from "./request.ts";

export function receivedFields(request: Request): Readonly<Record<string, unknown>> {
  const { headers } = request;
  return {
    uuid: request.id,
    name: request.shownName,
    args: request.argsRepr,
    kwargs: request.kwargsRepr,
    root_id: request.rootId,
    parent_id: request.parentId,
    retries: request.retries,
    eta: headers["eta"] ?? null,
    expires: headers["expires"] ?? null,
  };
}

export interface RecordParts {
  readonly state: string;
  readonly resultText: string;
  readonly traceback?: string | null;
  readonly children?: readonly ResultTuple[];
  readonly at: Instant;
}

export interface RecordContext {
  readonly hostname: string;
  /** `resultExtended`. */
  readonly extended: boolean;
}

export function recordOf(request: Request, parts: RecordParts, { hostname, extended }: RecordContext): ResultRecord {
  const { state, resultText, traceback = null, children = [], at } = parts;
  const { groupId, parentId } = request;
  return {
    taskId: request.id,
    state,
    resultText,
    traceback,
    children,
    doneAt: isReady(state) ? at : null,
    ...(groupId === null ? {} : { groupId }),
    ...(parentId === null ? {} : { parentId }),
    ...(extended ? { extended: extendedOf(request, hostname) } : {}),
  };
}

function extendedOf(request: Request, worker: string): NonNullable<ResultRecord["extended"]> {
  const { args, kwargs } = argumentsOf(request);
  return { name: request.name, args, kwargs, worker, retries: request.retries, queue: request.delivery.queue };
}

/** What cannot be read, or not written again (Python sends NaN), is told of as its sender described it. */
function argumentsOf(request: Request): {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
} {
  try {
    const { args, kwargs } = readBodyText(request.body, request.id);
    writeJson([args, kwargs], "arguments");
    return { args, kwargs };
  } catch {
    return { args: [request.argsRepr], kwargs: request.kwargsRepr === "{}" ? {} : { kwargs: request.kwargsRepr } };
  }
}
