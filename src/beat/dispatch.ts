// What is made of an occurrence: a message on its way, an answer, or a refusal with its reason.
import type { PublishOutcome } from "../broker/broker.ts";
import type { Instant } from "../clock.ts";
import type { MissedCause } from "../event.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { EntryState } from "../store/store.ts";
import type { Occurrence } from "./occurrence.ts";
import type { Slot } from "./slot.ts";

/** One occurrence with the message made for it. */
export interface Dispatch {
  readonly occurrence: Occurrence;
  readonly envelope: Envelope;
}

/** Without the message itself, which is not needed any more. */
export interface Answer {
  readonly occurrence: Occurrence;
  readonly taskId: string;
  readonly task: string;
  readonly queue: string;
  readonly outcome: PublishOutcome;
  readonly sentAt: Instant;
}

export interface Refusal {
  readonly occurrence: Occurrence;
  readonly cause: MissedCause;
  readonly reason: string;
}

/** An entry as it is now. */
export type EntryNow = Pick<Slot, "entry" | "ready"> & { readonly state: Pick<EntryState, "paused"> };

export function answerOf({ occurrence, envelope }: Dispatch, outcome: PublishOutcome, sentAt: Instant): Answer {
  const { id: taskId, task, destination } = envelope;
  return { occurrence, taskId, task, queue: destination.queue ?? destination.routingKey, outcome, sentAt };
}

export function refusedFor(reason: string): Pick<Refusal, "cause" | "reason"> {
  return { cause: "refused", reason };
}

/** Why an occurrence that waited is not to be sent any more; null: it is. */
export function refusalOf(occurrence: Occurrence, standing: EntryNow | undefined, now: Instant): Refusal | null {
  const { byHand, occasion } = occurrence;
  if (standing === undefined) return { occurrence, cause: "stale", reason: "its entry is gone from the schedule" };
  if (occasion === "manual") return null;
  const { entry } = standing;
  const { paused } = standing.state;
  if (paused !== null) return { occurrence, cause: "paused", reason: `paused by ${paused.by}` };
  if (byHand !== undefined) return null;
  if (!entry.enabled) return { occurrence, cause: "stale", reason: "its entry is not enabled any more" };
  const reason = staleReason(occurrence, now);
  return reason === null ? null : { occurrence, cause: "stale", reason };
}

/** What has waited too long for a broker is not sent any more. */
function staleReason({ entry, dueAt }: Occurrence, now: Instant): string | null {
  const { missedWithinMs } = entry;
  if (missedWithinMs === null || now - dueAt <= missedWithinMs + entry.jitterMs) return null;
  return "the broker was away for longer than missed_within";
}

/** The message made ahead, where it is of just this occurrence of the entry as it is now. */
export function readyFor({ occasion, dueAt }: Occurrence, now: EntryNow | undefined): Envelope | null {
  const ready = now?.ready ?? null;
  return occasion === "scheduled" && ready?.dueAt === dueAt && ready.entry === now?.entry ? ready.envelope : null;
}

/** Whether it is of the schedule of one of these entries, and not sent by hand. */
export function isScheduledOf(entries: ReadonlySet<string>, { entry, byHand }: Occurrence): boolean {
  return byHand === undefined && entries.has(entry.name);
}
