// A message in hand as `celery inspect` shows it.
import { readBody } from "../../protocol/body.ts";
import { writeJson } from "../../protocol/json-writer.ts";
import type { Request } from "../request.ts";

/**
 * Celery's description of a request.
 *
 * @param safe the arguments as text, as the sender wrote them
 */
export function requestInfo(request: Request, hostname: string, safe = false): Readonly<Record<string, unknown>> {
  const { destination, properties } = request.delivery.envelope;
  const { args, kwargs } = safe ? shownArguments(request) : argumentsOf(request);
  return {
    id: request.id,
    name: request.shownName,
    args,
    kwargs,
    type: request.name,
    hostname,
    time_start: request.startedAt === null ? null : request.startedAt / 1000,
    acknowledged: request.acknowledged,
    delivery_info: {
      exchange: destination.exchange,
      routing_key: destination.routingKey,
      priority: properties.priority,
      redelivered: request.delivery.redelivered,
    },
    worker_pid: request.pid,
  };
}

interface Shown {
  readonly args: unknown;
  readonly kwargs: unknown;
}

/** What cannot be read, or not be written again (NaN), is shown as its sender wrote it. */
function argumentsOf(request: Request): Shown {
  try {
    const { args, kwargs } = readBody(request.delivery.envelope);
    writeJson([args, kwargs]);
    return { args, kwargs };
  } catch {
    return shownArguments(request);
  }
}

function shownArguments({ argsRepr, kwargsRepr }: Request): Shown {
  return { args: argsRepr, kwargs: kwargsRepr };
}
