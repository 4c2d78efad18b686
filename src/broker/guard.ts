// The guard's rule where we hold the marks ourselves: what is not newer than its mark is a duplicate, the rest moves it.
import type { Instant } from "../clock.ts";
import { LovageError } from "../error.ts";
import type { Guard, Mark, PublishOutcome } from "./broker.ts";

export interface Judgement {
  readonly outcomes: readonly PublishOutcome[];
  /** The marks as they are after the batch. */
  readonly moved: ReadonlyMap<string, Instant>;
}

/** Judges in order, so that an entry may come several times in one batch. */
export function judge(marks: readonly Mark[], markOf: (entry: string) => Instant | undefined): Judgement {
  const moved = new Map<string, Instant>();
  const outcomes = marks.map(({ entry, dueAt }): PublishOutcome => {
    const mark = moved.get(entry) ?? markOf(entry);
    if (mark !== undefined && dueAt <= mark) return "duplicate";
    moved.set(entry, dueAt);
    return "sent";
  });
  return { outcomes, moved };
}

/** A guard that does not fit its batch would send under the marks of others. */
export function checkGuard(count: number, guard: Guard | undefined): void {
  if (guard === undefined || guard.marks.length === count) return;
  throw new LovageError("broker", `the guard has ${guard.marks.length} marks for ${count} messages`);
}

/** The next term: growing, and ahead of any term from before the broker lost its memory. */
export function nextTerm(previous: number, now: Instant): number {
  return Math.max(previous + 1, Math.floor(now));
}
