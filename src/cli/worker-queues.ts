// Which queues a worker consumes: those of `-Q`, else those the app declares; without those of `-X`.
import type { App } from "../app/app.ts";
import { createQueues, type Queue } from "../app/queues.ts";
import type { BoundQueue } from "../broker/consumer.ts";
import { LovageError } from "../error.ts";

export interface QueueChoice {
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
}

/** @throws LovageError when a queue is not declared and must be, or when none is left */
export function chooseQueues(
  app: App,
  { queues, excludeQueues = [] }: QueueChoice,
  node?: string,
): readonly BoundQueue[] {
  const known = createQueues(app.conf);
  const chosen = queues === undefined ? known.declared : [...new Set(queues)].map((name) => known.get(name));
  const left = chosen.filter((queue) => !excludeQueues.includes(queue.name)).map(bound);
  if (node !== undefined && app.conf.workerDirect) left.push(directQueue(node));
  if (left.length > 0) return left;
  const names = chosen.map((queue) => queue.name).join(", ");
  throw new LovageError("usage", `no queue is left to consume: -X takes away ${names}`, {
    hint: "name others with -Q",
  });
}

/** Celery's `worker_direct`: a queue of the node's own, which others reach as `queue: "w1@host.dq2"`. */
function directQueue(node: string): BoundQueue {
  return { name: `${node}.dq2`, exchange: "C.dq2", exchangeType: "direct", routingKey: node };
}

function bound({ name, exchange, exchangeType, routingKey }: Queue): BoundQueue {
  return { name, exchange, exchangeType, routingKey };
}
