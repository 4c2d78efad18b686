// The event `task-sent` of a client, for `taskSendSentEvent`: monitors see a task before any worker has it.
import { hostname } from "node:os";
import { systemClock } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { LamportClock } from "../protocol/lamport.ts";
import { eventEnvelope, writeEvent } from "../protocol/task-event.ts";

const type = "task-sent";
const lamport = new LamportClock();
const sender = `gen${process.pid}@${hostname()}`;

/** @param exchange the setting `eventExchange` */
export function sentEvent({ id, task, headers, destination }: Envelope, exchange: string): Envelope {
  const fields = {
    uuid: id,
    root_id: headers["root_id"] ?? id,
    parent_id: headers["parent_id"] ?? null,
    name: task,
    args: headers["argsrepr"] ?? "",
    kwargs: headers["kwargsrepr"] ?? "",
    retries: headers["retries"] ?? 0,
    eta: headers["eta"] ?? null,
    expires: headers["expires"] ?? null,
    queue: destination.queue ?? destination.routingKey,
    exchange: destination.exchange,
    routing_key: destination.routingKey,
  };
  const stamp = { hostname: sender, pid: process.pid, clock: lamport.forward(), at: systemClock.now() };
  return eventEnvelope(type, writeEvent(type, fields, stamp), { exchange, hostname: sender });
}
