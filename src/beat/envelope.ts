// The message of an occurrence: the entry's task as Celery would send it, with the occurrence's own id, and headers that tell
// the task what it was sent for. Occurrences of one shape share a template.
import type { App } from "../app/app.ts";
import type { Instant } from "../clock.ts";
import { writeBody } from "../protocol/body.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { MessageTemplate, TemplateEnvelope } from "../protocol/message-template.ts";
import { saferepr } from "../protocol/saferepr.ts";
import { argsRepr, expiryOf } from "../protocol/task.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import type { EntryOptions } from "../schedule/entry.ts";
import { type Occurrence, occurrenceId } from "./occurrence.ts";

export type CreateEnvelope = (occurrence: Occurrence, now: Instant) => Envelope;

/** How messages of one shape are made; null: one by one. */
type Shape = {
  readonly template: MessageTemplate;
  /** What their bodies are written with. */
  readonly options: TaskOptions;
  readonly timezone: string;
} | null;

/** What differs between messages of one shape. */
const varying: readonly string[] = ["argsrepr", "kwargsrepr", "periodic_task_name", "scheduled_at"];
const varyingExpires: readonly string[] = [...varying, "expires"];

/** Beyond this many different shapes the cache starts over. */
const mostShapes = 1000;

export function createBeatEnvelope(app: App, scope: string): CreateEnvelope {
  const shapes = new Shapes();
  const createWhole = (occurrence: Occurrence, taskId: string, now: Instant): Envelope => {
    const { task, args, kwargs } = occurrence.entry;
    return app.createEnvelope({ task, args, kwargs, options: { ...optionsOf(occurrence), taskId } }, now);
  };
  return (occurrence, now) => {
    const { entry, dueAt, byHand } = occurrence;
    const id = byHand?.id ?? occurrenceId(scope, entry.name, dueAt);
    const shape = shapes.of(occurrence);
    if (shape) return fromTemplate(shape, occurrence, id, now);
    const whole = createWhole(occurrence, id, now);
    if (shape === undefined) {
      shapes.add(occurrence, app.hasStaticRoutes ? templateOf(whole, occurrence, app.conf.timezone) : null);
    }
    return whole;
  };
}

class Shapes {
  readonly #shapes = new Map<string, Shape>();
  /** Entries of a burst mostly come from one file, and share their options. */
  #last: { readonly occurrence: Occurrence; readonly shape: Shape } | null = null;

  /** Undefined for one that was not seen yet. */
  of(occurrence: Occurrence): Shape | undefined {
    if (this.#last !== null && isAlike(this.#last.occurrence, occurrence)) return this.#last.shape;
    const shape = this.#shapes.get(shapeOf(occurrence));
    if (shape !== undefined) this.#last = { occurrence, shape };
    return shape;
  }

  add(occurrence: Occurrence, shape: Shape): void {
    if (this.#shapes.size >= mostShapes) this.#shapes.clear();
    this.#shapes.set(shapeOf(occurrence), shape);
  }
}

/** Whether they are of one shape, as far as that can be seen at a glance. */
function isAlike(one: Occurrence, other: Occurrence): boolean {
  return (
    one.entry.options === other.entry.options &&
    one.entry.task === other.entry.task &&
    one.occasion === other.occasion &&
    (one.nextDueAt === null) === (other.nextDueAt === null)
  );
}

/** Whether it expires belongs to it, for a last occurrence has no next one to expire at. */
function shapeOf({ entry: { task, options }, occasion, nextDueAt }: Occurrence): string {
  return JSON.stringify([task, occasion, options.expires === "next" && nextDueAt === null, options]);
}

/** A shape by its first message, where all that differs in others is known. */
function templateOf(whole: Envelope, { entry }: Occurrence, timezone: string): Shape {
  const { headers, properties } = whole;
  const { countdown, eta, expires, compression } = entry.options;
  const isRelative = countdown !== undefined || eta !== undefined || compression !== undefined;
  const isOwn = headers["argsrepr"] === argsRepr(entry.args) && headers["kwargsrepr"] === saferepr(entry.kwargs);
  // What a task's own options say of its expiry is not known here.
  const isForeign =
    headers["compression"] !== undefined || (expires === undefined && properties.expiration !== undefined);
  if (isRelative || !isOwn || isForeign) return null;
  const { expires: _expires, ...options } = entry.options;
  const names = properties.expiration === undefined ? varying : varyingExpires;
  return { template: new MessageTemplate(whole, names), options, timezone };
}

function fromTemplate(
  { template, options, timezone }: NonNullable<Shape>,
  { entry, dueAt, nextDueAt }: Occurrence,
  id: string,
  now: Instant,
): Envelope {
  const { name, args, kwargs } = entry;
  const body = writeBody(args, kwargs, options);
  const always = [argsRepr(args), saferepr(kwargs), name, isoTime(dueAt)];
  const expiry = expiryOf(expiresAt(entry.options.expires, nextDueAt), { now, timezone });
  if (expiry === null) return new TemplateEnvelope(template, { id, body, varying: always, expiration: null });
  const { text, expiration } = expiry;
  return new TemplateEnvelope(template, { id, body, varying: [...always, text], expiration });
}

function optionsOf({ entry, dueAt, nextDueAt, occasion }: Occurrence): TaskOptions {
  const { expires, headers, ...options } = entry.options;
  const about = { periodic_task_name: entry.name, scheduled_at: isoTime(dueAt), occurrence: occasion };
  const expiry = expiresAt(expires, nextDueAt);
  return { ...options, ...(expiry === undefined ? {} : { expires: expiry }), headers: { ...headers, ...about } };
}

/** `next`: the message dies when the following occurrence is due; without one it lives on. */
function expiresAt(expires: EntryOptions["expires"], nextDueAt: Instant | null): TaskOptions["expires"] {
  if (expires !== "next") return expires;
  return nextDueAt === null ? undefined : new Date(nextDueAt);
}

/** Many are due at once. */
const lastTime = { at: Number.NaN, text: "" };

/** With `+00:00` and not `Z`: Python before 3.11 reads no `Z`. */
function isoTime(at: Instant): string {
  if (at !== lastTime.at) {
    lastTime.at = at;
    lastTime.text = new Date(at).toISOString().replace(/(\.000)?Z$/, "+00:00");
  }
  return lastTime.text;
}
