// What a beat tells of its entries: plain data made from the plan.
import type { Instant } from "../../clock.ts";
import { Heap } from "../heap.ts";
import { occurrenceId } from "../occurrence.ts";
import type { DueSlot, Plan, Slot } from "../plan.ts";
import type { EntryPage, EntryReport, ListQuery, Upcoming } from "./steering.ts";

const mostPerPage = 1000;

export function reportOf({ entry, state, dueAt, fault }: Slot): EntryReport {
  const { name, task, timezone, enabled, description, source } = entry;
  const { lastDueAt, lastSentAt, lastTaskId, runs, missed, skipped, failed, paused } = state;
  const plan = { schedule: entry.schedule.describe(), timezone, nextAt: dueAt, paused, quarantined: fault };
  const done = { lastDueAt, lastSentAt, lastTaskId, runs, missed, skipped, failed };
  return { entry: name, task, enabled, description, source, ...plan, ...done };
}

/** In the order of the schedule. */
export function pageOf(plan: Plan, { match, offset, limit }: ListQuery): EntryPage {
  const slots = [...plan.slots.values()];
  const matching = match === undefined ? slots : slots.filter(({ entry }) => entry.name.includes(match));
  const rows = matching.slice(offset, offset + Math.min(limit, mostPerPage)).map(reportOf);
  return { total: matching.length, rows };
}

export function upcomingOf(plan: Plan, scope: string, limit: number): readonly Upcoming[] {
  const heap = new Heap<{ readonly slot: Slot; left: number }>();
  for (const slot of plan.slots.values()) if (isDue(slot)) heap.push(slot.dueAt, { slot, left: runsLeft(slot) });
  const found: Upcoming[] = [];
  while (found.length < limit && heap.size > 0) {
    const dueAt = heap.firstKey;
    const walker = heap.pop();
    if (walker === undefined) break;
    found.push(upcoming(walker.slot, scope, dueAt));
    walker.left -= 1;
    const next = walker.left > 0 ? walker.slot.schedule.next(dueAt) : null;
    if (next !== null) heap.push(next, walker);
  }
  return found;
}

function upcoming({ entry: { name, task, args, kwargs } }: Slot, scope: string, dueAt: Instant): Upcoming {
  return { entry: name, task, args, kwargs, dueAt, taskId: occurrenceId(scope, name, dueAt) };
}

function runsLeft({ entry, taken }: Slot): number {
  return entry.maxRuns === null ? Number.POSITIVE_INFINITY : entry.maxRuns - taken;
}

function isDue(slot: Slot): slot is DueSlot {
  return slot.dueAt !== null;
}
