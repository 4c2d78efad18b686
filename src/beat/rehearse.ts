// Makes every entry's message and asks its schedule once, ahead of time: what is wrong with arguments, options, a route or a
// schedule is said at the start or by `beat check`, not when the task is due.
import type { Instant } from "../clock.ts";
import { LovageError, messageOf, type Problem } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { CreateEnvelope } from "./envelope.ts";
import { checkFollowUps } from "./follow-ups.ts";
import type { Steps } from "./steps.ts";

export function* rehearse(entries: readonly Entry[], create: CreateEnvelope, now: Instant): Steps<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const entry of entries) {
    yield;
    try {
      checkSchedule(entry, now);
      checkFollowUps(entry.options);
      create({ entry, dueAt: now, settlesAt: now, nextDueAt: now, occasion: "scheduled" }, now);
    } catch (error) {
      const hint = error instanceof LovageError ? error.hint : undefined;
      problems.push({ message: `${entry.source}: entry ${entry.name}: ${messageOf(error)}`, hint });
    }
  }
  return problems;
}

/** Ours are sound; a schedule object of the user's own may be anything. */
function checkSchedule({ schedule }: Entry, now: Instant): void {
  const next = schedule.next(now);
  if (next === null || next > now) return;
  const hint = "next(after) takes and gives epoch milliseconds, or null when there is nothing more";
  throw new LovageError("schedule", `its schedule answered ${String(next)} to next(${now}), which is not after it`, {
    hint,
  });
}
