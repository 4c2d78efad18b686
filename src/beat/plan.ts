// Every entry with its next due time, in due order; and what is known of each, to be written down.
import type { Instant } from "../clock.ts";
import type { Emit } from "../event.ts";
import { messageOf } from "../error.ts";
import type { Entry } from "../schedule/entry.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { EntryState, Pause } from "../store/store.ts";
import type { Ready } from "./ahead.ts";
import { Heap } from "./heap.ts";
import { type Deferred, finishReason, isUsedUp, none, takenUpTo } from "./under-way.ts";
import { anchored, freshState, isCurrent, jitterOf, nextAfter } from "./standing.ts";

/** One entry on its way through time. */
export interface Slot {
  entry: Entry;
  /** The entry's schedule with its grid fixed, so that it can be asked from any instant. */
  schedule: Schedule;
  /** What the beat-record should say once what is under way is settled. */
  state: EntryState;
  /** The next nominal time, or null when there is none any more. */
  dueAt: Instant | null;
  /** `dueAt` with its jitter. */
  sendAt: Instant;
  /** The message of the next occurrence, made ahead of its time. */
  ready: Ready | null;
  /** Runs taken from the plan, settled or still under way. */
  taken: number;
  /** Nominal times taken from the plan and not settled yet, oldest first. */
  underWay: readonly Instant[];
  /** Given up, but not to be written down before what is under way in front of it. */
  deferred: readonly Deferred[];
  /** What was due up to here fell into a pause, and counts as missed. */
  resumedAt: Instant;
  /** Why its schedule was set aside; null while it is sound. */
  fault: string | null;
}

/** A slot that has something to do. */
export type DueSlot = Slot & { dueAt: Instant };

export interface PlanChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What outlived the last process: the beat-record's word, and the broker's. */
export interface KnownBefore {
  readonly states: ReadonlyMap<string, EntryState>;
  /** An entry that only the broker knows was led by a beat elsewhere: counting goes on where that one stopped. */
  readonly marks: ReadonlyMap<string, Instant>;
}

const nothingKnown: KnownBefore = { states: new Map(), marks: new Map() };

export class Plan {
  readonly #emit: Emit;
  #paused: number | null = null;
  readonly #slots = new Map<string, Slot>();
  readonly #heap = new Heap<DueSlot>();
  /** Of entries that are gone. */
  readonly absentPauses = new Map<string, Pause>();
  /** Entries under `missed: all` that are not yet back in step, in turns; see tick.ts. */
  #line: Slot[] = [];
  /** What was due up to here was due while no beat of ours was there. */
  aliveSince: Instant = Number.NEGATIVE_INFINITY;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get slots(): ReadonlyMap<string, Slot> {
    return this.#slots;
  }

  /** What the beat-record should say, by entry. */
  states(): ReadonlyMap<string, EntryState> {
    return new Map([...this.#slots].map(([name, slot]) => [name, slot.state]));
  }

  /** When something is to be done next: now, if an entry is catching up. */
  get wakeAt(): Instant {
    return this.#line.length > 0 ? Number.NEGATIVE_INFINITY : this.#heap.firstKey;
  }

  /** Since when the entry due first has been due; what is being caught up is late on purpose. */
  get dueSince(): Instant {
    return this.#heap.firstKey;
  }

  /**
   * Takes a new set of entries. What is new or whose schedule changed counts from `now`, so an edit never fires by itself;
   * what stayed keeps its place in time, and takes over other changes, such as arguments.
   */
  apply(entries: readonly Entry[], now: Instant, known: KnownBefore = nothingKnown): PlanChange {
    const change = { added: [] as string[], changed: [] as string[], removed: [] as string[] };
    const names = new Set(entries.map((entry) => entry.name));
    change.removed = [...new Set([...this.#slots.keys(), ...known.states.keys()])].filter((name) => !names.has(name));
    for (const name of change.removed) this.#remove(name, known.states.get(name));
    for (const entry of entries) {
      const state = this.#slots.get(entry.name)?.state ?? known.states.get(entry.name);
      if (state === undefined) change.added.push(entry.name);
      else if (!isCurrent(entry, state)) change.changed.push(entry.name);
      this.#place(entry, state, state === undefined ? (known.marks.get(entry.name) ?? now) : now);
    }
    this.#rebuild(now);
    return change;
  }

  /** Moves past what has been enqueued under other terms, by this beat before a crash or by another one. */
  adoptMarks(marks: ReadonlyMap<string, Instant>, now: Instant): void {
    let isMoved = false;
    for (const slot of this.#slots.values()) {
      const markAt = marks.get(slot.entry.name);
      if (markAt === undefined || markAt <= slot.state.settledAt) continue;
      this.#adoptMark(slot, markAt);
      isMoved = true;
    }
    if (isMoved) this.#rebuild(now);
  }

  /** Sets entries back to `now` that are settled up to beyond `limit`, because some clock was absurdly ahead. */
  setBack(limit: Instant, now: Instant): void {
    const absurd = [...this.#slots.values()].filter(({ state }) => state.settledAt > limit);
    for (const slot of absurd) {
      slot.state = { ...slot.state, settledAt: now };
      this.#replan(slot, now);
    }
    if (absurd.length > 0) this.#rebuild(now);
  }

  /** What the record of a fleet says by now, where others led meanwhile. */
  adoptStates(states: ReadonlyMap<string, EntryState>, now: Instant): void {
    for (const slot of this.#slots.values()) {
      const state = states.get(slot.entry.name);
      if (!isCurrent(slot.entry, state) || state.settledAt < slot.state.settledAt) continue;
      slot.state = state;
      slot.taken = Math.max(slot.taken, state.runs + slot.underWay.length);
      this.#replan(slot, takenUpTo(slot));
    }
    this.#rebuild(now);
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
      this.#replan(slot, takenUpTo(slot));
    }
    if (pauses.size > 0) this.#rebuild(now);
  }

  /** A run that was taken and then held back does not count towards `max_runs`. */
  giveBack(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    slot.taken -= 1;
    if (slot.dueAt !== null || slot.state.paused !== null || slot.fault !== null) return;
    this.#schedule(slot, takenUpTo(slot));
    this.put(slot);
  }

  /** What is due by `at`, up to so many; it stays in the plan. */
  dueBy(at: Instant, most: number): readonly DueSlot[] {
    return this.#heap.upTo(at, most);
  }

  /** The entry due first, if it is due by `now`. It is out of the plan until `put` puts it back. */
  popDue(now: Instant): DueSlot | undefined {
    return this.#heap.firstKey <= now ? this.#heap.pop() : undefined;
  }

  /** Counted when a pause may have begun or ended, and no oftener: health is asked for every few seconds. */
  countPaused(): number {
    return (this.#paused ??= [...this.#slots.values()].filter(({ state }) => state.paused !== null).length);
  }

  /** Lets a slot wait for its turn to be made up, from the occurrence at `dueAt` on. */
  waitInLine(slot: Slot, dueAt: Instant): void {
    slot.dueAt = dueAt;
    this.#line.push(slot);
  }

  nextInLine(): DueSlot | undefined {
    const slot = this.#line.shift();
    return slot !== undefined && isDue(slot) ? slot : undefined;
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
    if (isDue(slot)) this.#heap.push(slot.sendAt, slot);
  }

  /** An entry that is moved to another file, or missing in one deployment, is still paused when it comes back. */
  #remove(name: string, known: EntryState | undefined): void {
    const paused = (this.#slots.get(name)?.state ?? known)?.paused ?? null;
    if (paused !== null) this.absentPauses.set(name, paused);
    this.#slots.delete(name);
  }

  #place(entry: Entry, state: EntryState | undefined, countFrom: Instant): void {
    const slot = this.#slots.get(entry.name);
    if (slot !== undefined && isCurrent(entry, slot.state)) {
      slot.entry = entry;
      return;
    }
    const fresh = isCurrent(entry, state) ? state : freshState(entry, state, countFrom);
    const absent = this.absentPauses.get(entry.name);
    const kept = absent === undefined ? fresh : { ...fresh, paused: absent };
    this.absentPauses.delete(entry.name);
    const { schedule } = entry;
    const { underWay = none, deferred = none } = slot ?? {};
    const nothingDue = { dueAt: null, sendAt: 0, ready: null, resumedAt: Number.NEGATIVE_INFINITY, fault: null };
    const placed: Slot = {
      entry,
      schedule,
      state: kept,
      taken: kept.runs + underWay.length,
      underWay,
      deferred,
      ...nothingDue,
    };
    this.#slots.set(entry.name, placed);
    this.#replan(placed, kept.settledAt);
  }

  /** On the grid of whoever sent it: the same edit may have reached him a second earlier. */
  #adoptMark(slot: Slot, markAt: Instant): void {
    // How many runs the mark stands for nobody knows any more; it is one at least.
    const runs = slot.state.runs + 1;
    slot.state = { ...slot.state, settledAt: markAt, lastDueAt: markAt, runs };
    slot.taken = Math.max(slot.taken, runs);
    this.#replan(slot, markAt);
  }

  #replan(slot: Slot, anchorAt: Instant): void {
    slot.schedule = anchored(slot.entry.schedule, anchorAt);
    this.#schedule(slot, anchorAt);
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

  /** Sorting anew is cheaper than finding single slots in the heap, and happens only on a reload or a new term. */
  #rebuild(now: Instant): void {
    this.#paused = null;
    this.#heap.clear();
    const isBehind = (slot: Slot): boolean => isDue(slot) && slot.dueAt <= now;
    this.#line = this.#line.filter((slot) => this.#slots.get(slot.entry.name) === slot && isBehind(slot));
    const waiting = new Set(this.#line);
    for (const slot of this.#slots.values()) if (!waiting.has(slot)) this.put(slot);
  }
}

function isDue(slot: Slot): slot is DueSlot {
  return slot.dueAt !== null;
}
