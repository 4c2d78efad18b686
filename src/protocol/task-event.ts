// Celery's events, which Flower and `celery events` read: fields in Celery's order, one to a message or a list of them.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Envelope } from "./envelope.ts";
import { readJson } from "./json-reader.ts";
import { contentText } from "./serializer.ts";

/** An event as it was read: `type` and `hostname` besides fields of its own. */
export type TaskEvent = Readonly<Record<string, unknown>> & { readonly type: string; readonly hostname: string };

/** What every event says of its sender and of the moment. */
export interface EventStamp {
  /** The node name: `celery@host`. */
  readonly hostname: string;
  readonly pid: number;
  /** The sender's logical time. */
  readonly clock: number;
  readonly at: Instant;
}

/** Where events go, and who sends them. */
export interface EventAddress {
  readonly exchange: string;
  readonly hostname: string;
}

/**
 * The JSON text of an event. There are three events to a task, so time counts: JSON.stringify takes a tenth of that of
 * `writeJson`, and texts are joined faster than objects.
 *
 * @throws TypeError when a field refers back to itself, or is a bigint
 */
export function writeEvent(type: string, fields: Readonly<Record<string, unknown>>, stamp: EventStamp): string {
  const { hostname, pid, clock, at } = stamp;
  const sender = `"hostname":${JSON.stringify(hostname)},"utcoffset":${utcOffset(at)},"pid":${pid},"clock":${clock}`;
  const own = JSON.stringify(fields).slice(1, -1);
  return `{${sender},${own}${own === "" ? "" : ","}"timestamp":${at / 1000},"type":${JSON.stringify(type)}}`;
}

/** The part of a type before its first dash: `task` of `task-received`. */
export function eventGroup(type: string): string {
  return type.split("-", 1)[0] ?? type;
}

/** The message of one event, under its own routing key: `worker.heartbeat`. */
export function eventEnvelope(type: string, text: string, address: EventAddress): Envelope {
  return envelopeOf(text, type.replaceAll("-", "."), address);
}

/** One message of several events of a group: `task.multi`. */
export function eventBatchEnvelope(group: string, texts: readonly string[], address: EventAddress): Envelope {
  return envelopeOf(`[${texts.join(", ")}]`, `${group}.multi`, address);
}

function envelopeOf(body: string, routingKey: string, { exchange, hostname }: EventAddress): Envelope {
  return Object.freeze({
    id: "",
    task: "",
    body,
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: Object.freeze({ hostname }),
    properties: Object.freeze({ correlationId: "", replyTo: "", deliveryMode: 1, priority: 0 }),
    destination: Object.freeze({ exchange, exchangeType: "fanout", routingKey }),
  });
}

/**
 * The events of a message, be it one or a list.
 *
 * @throws LovageError when the message is not JSON, or something in it is no event
 */
export function readEvents(envelope: Envelope): readonly TaskEvent[] {
  const content = readJson(contentText(envelope));
  const events = Array.isArray(content) ? (content as readonly unknown[]) : [content];
  return events.map((event) => {
    if (isEvent(event)) return event;
    throw new LovageError("config", "a message on the event channel is no event: it has no type or no hostname");
  });
}

function isEvent(value: unknown): value is TaskEvent {
  if (typeof value !== "object" || value === null) return false;
  const { type, hostname } = value as Record<string, unknown>;
  return typeof type === "string" && typeof hostname === "string";
}

/** Whole hours of this machine's zone, positive to the west, as Celery counts them. */
function utcOffset(at: Instant): number {
  return Math.floor(new Date(at).getTimezoneOffset() / 60);
}
