// One look at the clock: what is due now, and what was missed. Changes the plan; sends nothing.
import type { Instant } from "../clock.ts";
import type { Occasion } from "../event.ts";
import type { Occurrence } from "./occurrence.ts";
import type { Plan, Slot } from "./plan.ts";
import { type Dropped, type Verdict, judgeMissed } from "./recover.ts";

export interface Tick {
  readonly due: readonly Occurrence[];
  readonly missed: readonly { readonly slot: Slot; readonly dropped: Dropped }[];
}

/**
 * An occurrence is late, and is simply sent, up to this age; older ones were missed and follow their entry's policy.
 * A busy machine makes things late; only sleep, a clock change or a beat that was away makes them missed.
 */
export const lateMs = 5000;

/** Per tick; shared by all entries that missed something. */
const countBudget = 200_000;
const countPerEntry = 1000;

/** Takes at most about `limit` occurrences from the plan: what is due first, then what is being made up. */
export function tick(plan: Plan, now: Instant, limit: number): Tick {
  const due: Occurrence[] = [];
  const missed: { slot: Slot; dropped: Dropped }[] = [];
  let budget = countBudget;
  while (due.length < limit) {
    const slot = plan.popDue(now);
    if (slot === undefined) break;
    if (slot.sendAt >= now - lateMs && slot.sendAt > plan.aliveSince) {
      due.push(take(plan, slot, "scheduled"));
      plan.put(slot);
      continue;
    }
    const verdict = judge(slot, now, Math.max(1, Math.min(countPerEntry, budget)));
    for (const dropped of verdict.dropped) {
      budget -= dropped.count;
      missed.push({ slot, dropped });
    }
    const made = makeUp(plan, slot, verdict);
    if (made !== null) due.push(made);
  }
  catchUp(plan, now, { due, limit });
  return { due, missed };
}

function judge(slot: Slot, now: Instant, countLimit: number): Verdict {
  const firstAt = slot.dueAt as Instant;
  // A jittered occurrence is missed when its sending time has passed, not its nominal one.
  const until = Math.max(firstAt, now - slot.entry.jitterMs);
  return judgeMissed(slot.entry, slot.schedule, { firstAt, until, countLimit });
}

function makeUp(plan: Plan, slot: Slot, verdict: Verdict): Occurrence | null {
  if (verdict.catchUpFrom !== null) {
    slot.dueAt = verdict.catchUpFrom;
    plan.catchingUp.push(slot);
    return null;
  }
  if (verdict.send !== null) slot.taken += 1;
  plan.step(slot, verdict.settledAt);
  plan.put(slot);
  return verdict.send === null ? null : occurrence(slot, verdict.send, "missed");
}

/** Oldest first and in turns, behind everything that is due now, so that making up delays nobody. */
function catchUp(plan: Plan, now: Instant, batch: { due: Occurrence[]; limit: number }): void {
  while (batch.due.length < batch.limit) {
    const slot = plan.catchingUp.shift();
    if (slot === undefined) return;
    batch.due.push(take(plan, slot, "missed"));
    if (slot.dueAt !== null && slot.sendAt <= now) plan.catchingUp.push(slot);
    else plan.put(slot);
  }
}

function take(plan: Plan, slot: Slot, occasion: Occasion): Occurrence {
  const dueAt = slot.dueAt as Instant;
  slot.taken += 1;
  plan.step(slot, dueAt);
  return occurrence(slot, dueAt, occasion);
}

function occurrence(slot: Slot, dueAt: Instant, occasion: Occasion): Occurrence {
  const wantsNext = slot.entry.options.expires === "next";
  return { entry: slot.entry, dueAt, nextDueAt: wantsNext ? slot.schedule.next(dueAt) : null, occasion };
}
