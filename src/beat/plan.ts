// Every entry with its next due time, in due order; and what is known of each, to be written down.
import type { Instant } from "../clock.ts";
import type { Emit } from "../event.ts";
import { messageOf } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { EntryState, Pause } from "../store/store.ts";
import { changeEntries, type KnownBefore, nothingKnown, type PlanChange } from "./change.ts";
import { DueOrder, isDue, isInLine } from "./due-order.ts";
import { createSlot, type DueSlot, type Slot } from "./slot.ts";
import { States } from "./states.ts";
import { atOnce, type Steps } from "./steps.ts";
import { finishReason, isUsedUp, takenUpTo } from "./under-way.ts";
import { anchored, freshState, isCurrent, jitterOf, nextAfter } from "./standing.ts";

export type { DueSlot, Slot } from "./slot.ts";

/** What became of an entry in the plan; one that is kept is where it was in time. */
export type Placed = "added" | "changed" | "kept";

export class Plan {
  readonly #emit: Emit;
  #version = 0;
  #paused: number | null = null;
  readonly #slots = new Map<string, Slot>();
  readonly #states = new States(this.#slots);
  readonly #order = new DueOrder();
  /** Of entries that are gone. */
  readonly absentPauses = new Map<string, Pause>();
  /** What was due up to here was due while no beat of ours was there. */
  aliveSince: Instant = Number.NEGATIVE_INFINITY;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get slots(): ReadonlyMap<string, Slot> {
    return this.#slots;
  }

  /** Grows whenever anything but taking what is due changes what is due, or how. */
  get version(): number {
    return this.#version;
  }

  /** What the beat-record should say, by entry, at any time. */
  states(): ReadonlyMap<string, EntryState> {
    return this.#states;
  }

  /** When something is to be done next: now, if an entry is catching up. */
  get wakeAt(): Instant {
    return this.#order.isCatchingUp ? Number.NEGATIVE_INFINITY : this.#order.firstKey;
  }

  /** Since when the entry due first has been due; what is being caught up is late on purpose. */
  get dueSince(): Instant {
    return this.#order.firstKey;
  }

  /**
   * Takes a new set of entries. What is new or whose schedule changed counts from `now`, so an edit never fires by itself;
   * what stayed keeps its place in time, and takes over other changes, such as arguments.
   */
  apply(entries: readonly Entry[], now: Instant, known: KnownBefore = nothingKnown): PlanChange {
    return atOnce(changeEntries(this, { entries, now: () => now, known }));
  }

  /** One entry of a new set; `changeEntries` takes them all. */
  place(entry: Entry, now: Instant, known: KnownBefore): Placed {
    this.#noteChange();
    const slot = this.#slots.get(entry.name);
    const state = slot?.state ?? known.states.get(entry.name);
    const isKept = isCurrent(entry, state);
    if (slot !== undefined && isKept) slot.entry = entry;
    else this.#fill(entry, state, state === undefined ? (known.marks.get(entry.name) ?? now) : now);
    if (state === undefined) return "added";
    return isKept ? "kept" : "changed";
  }

  /** An entry that is moved to another file, or missing in one deployment, is still paused when it comes back. */
  remove(name: string, known: KnownBefore): void {
    this.#noteChange();
    const slot = this.#slots.get(name);
    const paused = (slot?.state ?? known.states.get(name))?.paused ?? null;
    if (paused !== null) this.absentPauses.set(name, paused);
    if (slot !== undefined) this.#order.takeOut(slot);
    this.#slots.delete(name);
  }

  /** Sorts out what changes have left behind. */
  tidy(): Steps {
    return this.#order.tidy(this.#slots.values());
  }

  /** Moves past what has been enqueued under other terms, by this beat before a crash or by another one. */
  adoptMarks(marks: ReadonlyMap<string, Instant>, now: Instant): void {
    atOnce(this.adoptingMarks(marks, now));
  }

  *adoptingMarks(marks: ReadonlyMap<string, Instant>, now: Instant): Steps {
    for (const slot of this.#slots.values()) {
      const markAt = marks.get(slot.entry.name);
      if (markAt !== undefined && markAt > slot.state.settledAt) this.#adoptMark(slot, markAt, now);
      yield;
    }
  }

  /** Sets entries back to `now` that are settled up to beyond `limit`, because some clock was absurdly ahead. */
  *settingBack(limit: Instant, now: Instant): Steps {
    for (const slot of this.#slots.values()) {
      if (slot.state.settledAt > limit) {
        slot.state = { ...slot.state, settledAt: now };
        this.#replan(slot, now, now);
      }
      yield;
    }
  }

  /** What the record of a fleet says by now, where others led meanwhile. */
  *adoptingStates(states: ReadonlyMap<string, EntryState>, now: Instant): Steps {
    for (const slot of this.#slots.values()) {
      const state = states.get(slot.entry.name);
      if (isCurrent(slot.entry, state) && state.settledAt >= slot.state.settledAt) {
        slot.state = state;
        slot.taken = Math.max(slot.taken, state.runs + slot.underWay.length);
        this.#replan(slot, takenUpTo(slot), now);
      }
      yield;
    }
  }

  /** What ran last under other terms, for entries that care whether it has ended. */
  adoptRuns(runs: ReadonlyMap<string, { readonly taskId: string; readonly sentAt: Instant }>): void {
    for (const [name, { taskId, sentAt }] of runs) {
      const slot = this.#slots.get(name);
      if (slot !== undefined) slot.state = { ...slot.state, lastTaskId: taskId, lastSentAt: sentAt };
    }
  }

  /** Takes entries out until they are resumed, or puts them back where they stand; null resumes. */
  setPaused(pauses: ReadonlyMap<string, Pause | null>, now: Instant): void {
    for (const [name, paused] of pauses) {
      const slot = this.#slots.get(name);
      if (slot === undefined) continue;
      slot.state = { ...slot.state, paused };
      if (paused === null) slot.resumedAt = now;
      this.#replan(slot, takenUpTo(slot), now);
    }
    atOnce(this.tidy());
  }

  /** A run that was taken and then held back does not count towards `max_runs`. */
  giveBack(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#noteChange();
    slot.taken -= 1;
    if (slot.dueAt !== null || slot.state.paused !== null || slot.fault !== null) return;
    this.#schedule(slot, takenUpTo(slot));
    this.put(slot);
  }

  /** What is due by `at`, up to so many; it stays in the plan. */
  dueBy(at: Instant, most: number): readonly DueSlot[] {
    return this.#order.upTo(at, most);
  }

  /** The entry due first, if it is due by `now`. It is out of the plan until `put` puts it back. */
  popDue(now: Instant): DueSlot | undefined {
    return this.#order.firstKey <= now ? this.#order.pop() : undefined;
  }

  /** Takes an entry out of its turn, to be put back like one that was popped. */
  pull(slot: DueSlot): void {
    const { dueAt } = slot;
    this.#order.takeOut(slot);
    slot.dueAt = dueAt;
  }

  /** Counted when a pause may have begun or ended, and no oftener: health is asked for every few seconds. */
  countPaused(): number {
    return (this.#paused ??= [...this.#slots.values()].filter(({ state }) => state.paused !== null).length);
  }

  /** Lets a slot wait for its turn to be made up, from the occurrence at `dueAt` on. */
  waitInLine(slot: Slot, dueAt: Instant): void {
    this.#order.waitInLine(slot, dueAt);
  }

  nextInLine(): DueSlot | undefined {
    return this.#order.nextInLine();
  }

  /** Takes an entry out until it is edited or beat starts anew. */
  quarantine(slot: Slot, error: unknown): void {
    slot.dueAt = null;
    slot.fault = messageOf(error);
    this.#emit({ type: "entry-quarantined", entry: slot.entry.name, reason: slot.fault });
  }

  /** Moves a slot on to its first occurrence after `after`, without putting it back. */
  step(slot: Slot, after: Instant): void {
    const isSound = this.#schedule(slot, after);
    if (isSound && slot.dueAt === null) {
      this.#emit({ type: "entry-finished", entry: slot.entry.name, reason: finishReason(slot) });
    }
  }

  /** Puts a slot back in due order, if it has anything left to do. */
  put(slot: Slot): void {
    if (isDue(slot)) this.#order.put(slot);
  }

  #fill(entry: Entry, state: EntryState | undefined, countFrom: Instant): void {
    const slot = this.#slots.get(entry.name);
    if (slot !== undefined) this.#order.takeOut(slot);
    const fresh = isCurrent(entry, state) ? state : freshState(entry, state, countFrom);
    const absent = this.absentPauses.get(entry.name);
    const kept = absent === undefined ? fresh : { ...fresh, paused: absent };
    this.absentPauses.delete(entry.name);
    const placed = createSlot(entry, kept, slot);
    this.#slots.set(entry.name, placed);
    this.#replan(placed, kept.settledAt, countFrom);
  }

  /** On the grid of whoever sent it: the same edit may have reached him a second earlier. */
  #adoptMark(slot: Slot, markAt: Instant, now: Instant): void {
    // How many runs the mark stands for nobody knows any more; it is one at least.
    const runs = slot.state.runs + 1;
    slot.state = { ...slot.state, settledAt: markAt, lastDueAt: markAt, runs };
    slot.taken = Math.max(slot.taken, runs);
    // What waits behind the mark is planned already.
    this.#replan(slot, takenUpTo(slot), now);
  }

  /** An entry that catches up, and still has to, keeps its turn. */
  #replan(slot: Slot, anchorAt: Instant, now: Instant): void {
    const wasInLine = isDue(slot) && isInLine(slot);
    this.#noteChange();
    this.#order.takeOut(slot);
    slot.schedule = anchored(slot.entry.schedule, anchorAt);
    this.#schedule(slot, anchorAt);
    if (wasInLine && isDue(slot) && slot.dueAt <= now) this.#order.stayInLine(slot);
    else this.put(slot);
  }

  /** False: the schedule failed, and the entry is out. */
  #schedule(slot: Slot, after: Instant): boolean {
    slot.dueAt = null;
    slot.fault = null;
    if (!slot.entry.enabled || slot.state.paused !== null || isUsedUp(slot)) return true;
    try {
      slot.dueAt = nextAfter(slot.schedule, after);
      if (slot.dueAt !== null) slot.sendAt = slot.dueAt + jitterOf(slot.entry, slot.schedule, slot.dueAt);
      return true;
    } catch (error) {
      this.quarantine(slot, error);
      return false;
    }
  }

  #noteChange(): void {
    this.#paused = null;
    this.#version += 1;
  }
}
