// One look at the clock: what is due now, and what was missed. Changes the plan; sends nothing.
import type { Instant } from "../clock.ts";
import type { Occasion } from "../event.ts";
import { nextDueOf, type Occurrence } from "./occurrence.ts";
import type { DueSlot, Plan, Slot } from "./plan.ts";
import { beginRun } from "./under-way.ts";
import { type Dropped, judgeMissed, type Verdict } from "./recover.ts";

export interface Tick {
  readonly due: readonly Occurrence[];
  readonly missed: readonly Missed[];
}

export interface Missed {
  readonly slot: Slot;
  readonly dropped: Dropped;
}

/**
 * An occurrence is late, and is simply sent, up to this age; older ones were missed and follow their entry's policy.
 * A busy machine makes things late; only sleep, a clock change or a beat that was away makes them missed.
 */
export const lateMs = 5000;
/** Occurrences taken at once: the publisher gets its turn in between. */
export const tickLimit = 500;
/** Of a long burst, once it is under way: the publisher is not to wait for us, either. */
export const longTickLimit = 2000;

/** Per tick; shared by all entries that missed something. */
const countBudget = 200_000;
const countPerEntry = 1000;

/**
 * Takes at most about `limit` occurrences from the plan: what is due first, then what is being made up. Where much is due,
 * `inTimeAt` is when it began to be taken; what was in time then is so still.
 */
export function tick(plan: Plan, now: Instant, limit: number, inTimeAt = now): Tick {
  const taking: Taking = { plan, now, lateFrom: inTimeAt - lateMs, due: [], missed: [], budget: countBudget };
  while (taking.due.length < limit) {
    const slot = plan.popDue(now);
    if (slot === undefined) break;
    for (const one of withGroup(plan, slot)) {
      guarded(taking, one, () => takeOrMakeUp(taking, one));
    }
  }
  catchUp(taking, limit);
  return taking;
}

/** Messages that were made ready together are taken together, so that they can leave as they were made. */
function withGroup(plan: Plan, slot: DueSlot): readonly DueSlot[] {
  const { ready, dueAt } = slot;
  if (ready === null || ready.group === null || ready.dueAt !== dueAt) return [slot];
  const group = ready.group.slots.filter((one) => {
    return one === slot || (one.dueAt === dueAt && one.sendAt === dueAt && one.ready?.group === ready.group);
  });
  for (const one of group) if (one !== slot) plan.pull(one);
  return group;
}

interface Taking {
  readonly plan: Plan;
  readonly now: Instant;
  readonly lateFrom: Instant;
  readonly due: Occurrence[];
  readonly missed: Missed[];
  budget: number;
}

/** A schedule of the user's own may throw at any time: that ends its entry, and no other. */
function guarded({ plan }: Taking, slot: DueSlot, act: () => void): void {
  try {
    act();
  } catch (error) {
    plan.quarantine(slot, error);
  }
}

function takeOrMakeUp(taking: Taking, slot: DueSlot): void {
  const { plan, lateFrom } = taking;
  if (slot.sendAt >= lateFrom && slot.sendAt > Math.max(plan.aliveSince, slot.resumedAt)) {
    take(taking, slot, "scheduled");
    plan.put(slot);
  } else makeUp(taking, slot);
}

function makeUp(taking: Taking, slot: DueSlot): void {
  const { plan, due, missed } = taking;
  const verdict = judge(taking, slot);
  for (const dropped of verdict.dropped) {
    taking.budget -= dropped.count;
    missed.push({ slot, dropped });
  }
  if (verdict.catchUpFrom !== null) {
    plan.waitInLine(slot, verdict.catchUpFrom);
    return;
  }
  if (verdict.send !== null) {
    due.push(occurrence(taking, slot, { dueAt: verdict.send, settlesAt: verdict.settledAt, occasion: "missed" }));
    beginRun(slot, verdict.send);
  }
  plan.step(slot, verdict.settledAt);
  plan.put(slot);
}

function judge({ now, budget }: Taking, slot: DueSlot): Verdict {
  const firstAt = slot.dueAt;
  // A jittered occurrence is missed when its sending time has passed, not its nominal one.
  const until = Math.max(firstAt, now - slot.entry.jitterMs);
  const countLimit = Math.max(1, Math.min(countPerEntry, budget));
  return judgeMissed(slot.entry, slot.schedule, { firstAt, until, countLimit });
}

/** Oldest first and in turns, behind everything that is due now, so that making up delays nobody. */
function catchUp(taking: Taking, limit: number): void {
  const { plan, now, due } = taking;
  while (due.length < limit) {
    const slot = plan.nextInLine();
    if (slot === undefined) return;
    guarded(taking, slot, () => {
      take(taking, slot, "missed");
      if (slot.dueAt !== null && slot.sendAt <= now) plan.waitInLine(slot, slot.dueAt);
      else plan.put(slot);
    });
  }
}

function take(taking: Taking, slot: DueSlot, occasion: Occasion): void {
  const { dueAt } = slot;
  taking.due.push(occurrence(taking, slot, { dueAt, settlesAt: dueAt, occasion }));
  beginRun(slot, dueAt);
  taking.plan.step(slot, dueAt);
}

function occurrence(
  { now }: Taking,
  slot: Slot,
  what: Pick<Occurrence, "dueAt" | "settlesAt" | "occasion">,
): Occurrence {
  // What is made up lives until the next occurrence from now: with the one after its own time it would be born dead.
  const after = what.occasion === "missed" ? Math.max(what.dueAt, now) : what.dueAt;
  return { entry: slot.entry, ...what, nextDueAt: nextDueOf(slot, after) };
}
