// What becomes of an occurrence, as changes to the beat-record and as events. Pure but for the slots it brings up to date.
import type { Instant } from "../clock.ts";
import type { LovageEvent, MissedCause, Occasion } from "../event.ts";
import type { EntryState, Run, RunOutcome } from "../store/store.ts";
import type { Occurrence } from "./occurrence.ts";
import type { Slot } from "./plan.ts";
import type { Answer, Refusal } from "./dispatch.ts";
import type { Dropped } from "./recover.ts";
import type { Missed } from "./tick.ts";
import type { Deferred } from "./under-way.ts";

export interface Settled {
  readonly states: readonly EntryState[];
  readonly runs: readonly Run[];
  readonly events: readonly LovageEvent[];
  /** No message moved the marks of these states: they have to be moved for themselves. */
  readonly isUnsent?: boolean;
}

type Slots = ReadonlyMap<string, Slot>;

/** Later answers for the same entry replace earlier ones: one row an entry is written, however many runs it had. */
export function settleAnswers(slots: Slots, answers: readonly Answer[]): Settled {
  const names = new Set<string>();
  const runs: Run[] = [];
  const events: LovageEvent[] = [];
  for (const answer of answers) {
    const { taskId, outcome, sentAt } = answer;
    const { entry, dueAt } = answer.occurrence;
    const slot = slots.get(entry.name);
    if (slot !== undefined) {
      slot.state = afterRun(slot.state, answer);
      names.add(entry.name);
    }
    runs.push({ entry: entry.name, dueAt, at: sentAt, outcome, taskId, reason: occasionOf(answer.occurrence) });
    events.push(eventOf(answer));
  }
  return { states: statesOf(slots, names), runs, events };
}

export function settleRefusals(slots: Slots, refusals: readonly Refusal[], now: Instant): Settled {
  const names = new Set<string>();
  const runs: Run[] = [];
  const events: LovageEvent[] = [];
  for (const { occurrence, cause, reason } of refusals) {
    const { entry, dueAt } = occurrence;
    const slot = slots.get(entry.name);
    if (slot !== undefined) {
      slot.state = afterRefusal(slot.state, occurrence, cause);
      names.add(entry.name);
    }
    runs.push(unsentRun(entry.name, dueAt, { at: now, outcome: outcomeOf(cause), reason }));
    const occasion = occurrence.byHand === undefined ? "scheduled" : occurrence.occasion;
    events.push(missedEvent(entry.name, cause, { ...once(dueAt), reason }, occasion));
  }
  return { states: statesOf(slots, names), runs, events, isUnsent: true };
}

export function settleMissed({ slot, dropped }: Missed, now: Instant): Settled {
  const { entry } = slot;
  const { count, toAt, reason } = dropped;
  const { missed, settledAt } = slot.state;
  slot.state = { ...slot.state, missed: missed + count, settledAt: Math.max(settledAt, toAt) };
  const run = unsentRun(entry.name, toAt, { at: now, outcome: "missed", reason: `${count} missed; ${reason}` });
  return { states: [slot.state], runs: [run], events: [missedEvent(entry.name, "missed", dropped)], isUnsent: true };
}

/** What its owner wished to be left out. The grid of the schedule stays, for the newest of it is on the grid. */
export function settleSkipped(slot: Slot, dropped: Dropped, cause: "paused" | "overlap", now: Instant): Settled {
  const { entry } = slot;
  const { count, toAt, reason: why } = dropped;
  const { skipped, settledAt } = slot.state;
  slot.state = { ...slot.state, skipped: skipped + count, settledAt: Math.max(settledAt, toAt) };
  const reason = cause === "paused" ? `${count} skipped; ${why}` : why;
  const run = unsentRun(entry.name, toAt, { at: now, outcome: "skipped", reason });
  return { states: [slot.state], runs: [run], events: [missedEvent(entry.name, cause, dropped)], isUnsent: true };
}

/** What had to wait behind a run that was still under way. */
export function settleDeferred(slot: Slot, { dropped, cause }: Deferred, now: Instant): Settled {
  return cause === "missed" ? settleMissed({ slot, dropped }, now) : settleSkipped(slot, dropped, cause, now);
}

/** A duplicate was a run all the same, whose answer had got lost; unless it was known already by its mark. */
function afterRun(state: EntryState, { occurrence, taskId, outcome, sentAt }: Answer): EntryState {
  const { dueAt, settlesAt, occasion } = occurrence;
  // A backfill is of the past: what it sends is not the entry's last run.
  if (occasion === "backfill") return state;
  if (occasion === "manual") return { ...state, lastSentAt: sentAt, lastTaskId: taskId };
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

function afterRefusal(state: EntryState, { byHand, settlesAt }: Occurrence, cause: MissedCause): EntryState {
  const settledAt = byHand === undefined ? Math.max(state.settledAt, settlesAt) : state.settledAt;
  if (outcomeOf(cause) === "skipped") return { ...state, skipped: state.skipped + 1, settledAt };
  return { ...state, failed: state.failed + 1, settledAt };
}

function outcomeOf(cause: MissedCause): RunOutcome {
  if (cause === "missed") return "missed";
  return cause === "paused" || cause === "overlap" ? "skipped" : "failed";
}

/** For the history: null for what came in its time. */
function occasionOf({ occasion, byHand }: Occurrence): string | null {
  if (byHand !== undefined) return `${occasion}, ${byHand.note}`;
  return occasion === "scheduled" ? null : occasion;
}

function eventOf({ occurrence, taskId, task, queue, outcome, sentAt }: Answer): LovageEvent {
  const { entry, dueAt, occasion } = occurrence;
  if (outcome === "duplicate")
    return { type: "occurrence-duplicate", entry: entry.name, occurrence: occasion, dueAt, taskId };
  return { type: "occurrence-sent", entry: entry.name, task, taskId, queue, dueAt, sentAt, occurrence: occasion };
}

export function missedEvent(
  entry: string,
  cause: MissedCause,
  dropped: Dropped,
  occurrence: Occasion = "scheduled",
): LovageEvent {
  return { type: "occurrences-missed", entry, cause, occurrence, ...dropped };
}

function once(dueAt: Instant): Omit<Dropped, "reason"> {
  return { count: 1, atLeast: false, fromAt: dueAt, toAt: dueAt };
}

function unsentRun(entry: string, dueAt: Instant, more: { at: Instant; outcome: RunOutcome; reason: string }): Run {
  return { entry, dueAt, taskId: null, ...more };
}

function statesOf(slots: Slots, names: ReadonlySet<string>): EntryState[] {
  return [...names].flatMap((name) => slots.get(name)?.state ?? []);
}
