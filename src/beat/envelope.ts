// The message of an occurrence: the entry's task as Celery would send it, with the occurrence's own id, and headers that tell
// the task what it was sent for.
import type { App } from "../app/app.ts";
import type { Instant } from "../clock.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { TaskOptions } from "../protocol/task-options.ts";
import type { EntryOptions } from "../schedule/entry.ts";
import { type Occurrence, occurrenceId } from "./occurrence.ts";

export type CreateEnvelope = (occurrence: Occurrence, now: Instant) => Envelope;

export function createBeatEnvelope(app: App, scope: string): CreateEnvelope {
  return (occurrence, now) => {
    const { entry, dueAt, byHand } = occurrence;
    const { task, args, kwargs } = entry;
    const taskId = byHand?.id ?? occurrenceId(scope, entry.name, dueAt);
    return app.createEnvelope({ task, args, kwargs, options: { ...optionsOf(occurrence), taskId } }, now);
  };
}

function optionsOf({ entry, dueAt, nextDueAt, occasion }: Occurrence): TaskOptions {
  const { expires, headers, ...options } = entry.options;
  const about = { periodic_task_name: entry.name, scheduled_at: isoTime(dueAt), occurrence: occasion };
  const expiry = expiryOf(expires, nextDueAt);
  return { ...options, ...(expiry === undefined ? {} : { expires: expiry }), headers: { ...headers, ...about } };
}

/** `next`: the message dies when the following occurrence is due; without one it lives on. */
function expiryOf(expires: EntryOptions["expires"], nextDueAt: Instant | null): TaskOptions["expires"] {
  if (expires !== "next") return expires;
  return nextDueAt === null ? undefined : new Date(nextDueAt);
}

/** With `+00:00` and not `Z`: Python before 3.11 reads no `Z`. */
function isoTime(at: Instant): string {
  return new Date(at).toISOString().replace(/(\.000)?Z$/, "+00:00");
}
