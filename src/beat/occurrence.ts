// One due time of one entry, and the id that makes it the same occurrence on every host and after every crash.
import { hash } from "node:crypto";
import type { Mark } from "../broker/broker.ts";
import type { Instant } from "../clock.ts";
import type { Occasion } from "../event.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Schedule } from "../schedule/schedule.ts";

export interface Occurrence {
  readonly entry: Entry;
  /** The nominal time: what the schedule says, before jitter and lateness. */
  readonly dueAt: Instant;
  /** Everything of the entry up to here is settled with this one: later ones may have been given up for it. */
  readonly settlesAt: Instant;
  /** When a message that `expires: next` dies; null where it does not. */
  readonly nextDueAt: Instant | null;
  readonly occasion: Occasion;
  /** Set for what was asked for by hand, in time or not: it does not move the schedule. */
  readonly byHand?: ByHand;
}

/** An entry's next occurrence, in its time. */
export function scheduledOccurrence(of: {
  readonly entry: Entry;
  readonly schedule: Schedule;
  readonly dueAt: Instant;
}): Occurrence {
  const { entry, dueAt } = of;
  return { entry, dueAt, settlesAt: dueAt, nextDueAt: nextDueOf(of, dueAt), occasion: "scheduled" };
}

/** What a message that `expires: next` is to know: the entry's first due time after `after`. Others are not asked for it. */
export function nextDueOf(
  { entry, schedule }: { readonly entry: Entry; readonly schedule: Schedule },
  after: Instant,
): Instant | null {
  return entry.options.expires === "next" ? schedule.next(after) : null;
}

/** What is sent outside of the schedule has a mark of its own, so that it goes out once like all else. */
export interface ByHand {
  readonly id: string;
  readonly mark: Mark;
  /** Who asked, and why: for the history. */
  readonly note: string;
}

/** Marks of what is sent by hand stand among those of entries, under names that no entry has. */
const byHandPrefix = "\u0001";

export function manualMark(id: string): string {
  return `${byHandPrefix}manual:${id}`;
}

export function backfillMark(id: string): string {
  return `${byHandPrefix}backfill:${id}`;
}

export function isByHandMark(name: string): boolean {
  return name.startsWith(byHandPrefix);
}

/** What moves in the broker when this is sent. */
export function markOf({ entry, settlesAt, byHand }: Occurrence): Mark {
  return byHand?.mark ?? { entry: entry.name, dueAt: settlesAt };
}

const namespace = Buffer.from("8d2f6c1e5b0a4f7391c4e27ab6d5f083", "hex");

/** The Celery task id of an occurrence: a UUID version 5 (RFC 9562, section 5.5) of scope, entry and nominal due time. */
export function occurrenceId(scope: string, entry: string, dueAt: Instant): string {
  return uuidOf([scope, entry, dueAt]);
}

/** The same of a backfill: sent again by hand it is another run, with a result of its own. */
export function backfillId(
  { scope, entry, dueAt }: { readonly scope: string; readonly entry: string; readonly dueAt: Instant },
  backfill: string,
): string {
  return uuidOf([scope, entry, dueAt, backfill]);
}

// One call of `hash` on bytes written in place: there is one to every message, and objects of the class Hash cost twice that.
const scratch = Buffer.alloc(2048);
namespace.copy(scratch);

function uuidOf(parts: readonly unknown[]): string {
  const text = JSON.stringify(parts);
  const isShort = text.length * 3 + namespace.length <= scratch.length;
  const bytes = isShort
    ? scratch.subarray(0, namespace.length + scratch.write(text, namespace.length))
    : Buffer.concat([namespace, Buffer.from(text)]);
  const hex = hash("sha1", bytes, "hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
