// What becomes of an occurrence, as changes to the beat-record and as events. Pure but for the slots it brings up to date.
import type { Instant } from "../clock.ts";
import type { LovageEvent } from "../event.ts";
import type { EntryState, Run, RunOutcome } from "../store/store.ts";
import type { Slot } from "./plan.ts";
import type { Answer, Refusal } from "./publish.ts";
import type { Missed } from "./tick.ts";

export interface Settled {
  readonly states: readonly EntryState[];
  readonly runs: readonly Run[];
  readonly events: readonly LovageEvent[];
}

/** Later answers for the same entry replace earlier ones: one row an entry is written, however many runs it had. */
export function settleAnswers(slots: ReadonlyMap<string, Slot>, answers: readonly Answer[]): Settled {
  const names = new Set<string>();
  const runs: Run[] = [];
  const events: LovageEvent[] = [];
  for (const answer of answers) {
    const { taskId, outcome, sentAt } = answer;
    const { entry, dueAt, occasion } = answer.occurrence;
    const slot = slots.get(entry.name);
    if (slot !== undefined) {
      slot.state = afterRun(slot.state, answer);
      names.add(entry.name);
    }
    const reason = occasion === "scheduled" ? null : occasion;
    runs.push({ entry: entry.name, dueAt, at: sentAt, outcome, taskId, reason });
    events.push(eventOf(answer));
  }
  return { states: statesOf(slots, names), runs, events };
}

export function settleRefusals(slots: ReadonlyMap<string, Slot>, refusals: readonly Refusal[], now: Instant): Settled {
  const names = new Set<string>();
  const runs: Run[] = [];
  const events: LovageEvent[] = [];
  for (const { occurrence, reason } of refusals) {
    const { entry, dueAt } = occurrence;
    const slot = slots.get(entry.name);
    if (slot !== undefined) {
      const { failed, settledAt } = slot.state;
      slot.state = { ...slot.state, failed: failed + 1, settledAt: Math.max(settledAt, dueAt) };
      names.add(entry.name);
    }
    runs.push(unsentRun(entry.name, dueAt, { at: now, outcome: "failed", reason }));
    const span = { count: 1, atLeast: false, fromAt: dueAt, toAt: dueAt };
    events.push({ type: "occurrences-missed", entry: entry.name, cause: "refused", ...span, reason });
  }
  return { states: statesOf(slots, names), runs, events };
}

export function settleMissed({ slot, dropped, isSettled }: Missed, now: Instant): Settled {
  const { entry } = slot;
  const { count, toAt, reason } = dropped;
  const settledAt = isSettled ? Math.max(slot.state.settledAt, toAt) : slot.state.settledAt;
  slot.state = { ...slot.state, missed: slot.state.missed + count, settledAt };
  const run = unsentRun(entry.name, toAt, { at: now, outcome: "missed", reason: `${count} missed; ${reason}` });
  const event: LovageEvent = { type: "occurrences-missed", entry: entry.name, cause: "missed", ...dropped };
  return { states: [slot.state], runs: [run], events: [event] };
}

/** A duplicate was a run all the same, whose answer had got lost; unless it was known already by its mark. */
function afterRun(state: EntryState, { occurrence, taskId, outcome, sentAt }: Answer): EntryState {
  const { dueAt, settlesAt } = occurrence;
  if (outcome === "duplicate" && settlesAt <= state.settledAt) return state;
  return {
    ...state,
    settledAt: Math.max(state.settledAt, settlesAt),
    lastDueAt: dueAt,
    lastSentAt: sentAt,
    lastTaskId: taskId,
    runs: state.runs + 1,
  };
}

function eventOf({ occurrence, taskId, task, queue, outcome, sentAt }: Answer): LovageEvent {
  const { entry, dueAt, occasion } = occurrence;
  if (outcome === "duplicate") return { type: "occurrence-duplicate", entry: entry.name, dueAt, taskId };
  return { type: "occurrence-sent", entry: entry.name, task, taskId, queue, dueAt, sentAt, occurrence: occasion };
}

function unsentRun(entry: string, dueAt: Instant, more: { at: Instant; outcome: RunOutcome; reason: string }): Run {
  return { entry, dueAt, taskId: null, ...more };
}

function statesOf(slots: ReadonlyMap<string, Slot>, names: ReadonlySet<string>): EntryState[] {
  return [...names].flatMap((name) => slots.get(name)?.state ?? []);
}
