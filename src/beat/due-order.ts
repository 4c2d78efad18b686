// Entries in due order, and behind them those that catch up, in turns. What moves to another time is not looked for in the
// heap, which would mean sorting it anew: its old place is passed over when its turn comes.
import type { Instant } from "../clock.ts";
import { Heap } from "./heap.ts";
import type { DueSlot, Slot } from "./slot.ts";
import type { Steps } from "./steps.ts";

/** In place of a sending time: the slot stands in the line of those that catch up. */
const inLine = Number.NEGATIVE_INFINITY;
/** Old places that may stay in any case. */
const staleKept = 1000;

export class DueOrder {
  #heap = new Heap<DueSlot>();
  /** Slots in the heap; it may hold old places beside them. */
  #live = 0;
  /** While old places are sorted out: what is to take the heap's place. */
  #fresh: Heap<DueSlot> | null = null;
  /** Entries under `missed: all` that are not yet back in step, in turns; see tick.ts. */
  readonly #line: Slot[] = [];

  get isCatchingUp(): boolean {
    return this.#line.length > 0;
  }

  /** When the first is due; Infinity without any. */
  get firstKey(): Instant {
    while (this.#heap.size > this.#live && !this.#startsWithDue()) this.#heap.pop();
    return this.#heap.firstKey;
  }

  /** Takes the first. */
  pop(): DueSlot | undefined {
    if (this.firstKey === Number.POSITIVE_INFINITY) return undefined;
    this.#live -= 1;
    return this.#heap.pop();
  }

  /** By its sending time. */
  put(slot: DueSlot): void {
    this.#live += 1;
    this.#heap.push(slot.sendAt, slot);
    this.#fresh?.push(slot.sendAt, slot);
  }

  /** Out of the heap or out of line: from now on the slot has nothing due. */
  takeOut(slot: Slot): void {
    if (isDue(slot) && !isInLine(slot)) this.#live -= 1;
    slot.dueAt = null;
  }

  /** What is due by `at`, up to so many. */
  upTo(at: Instant, most: number): readonly DueSlot[] {
    const stale = this.#heap.size - this.#live;
    const found = this.#heap.upTo(at, most + stale);
    if (stale === 0) return found;
    // A slot that came back to its old time is there twice.
    const due = [...new Set(found)].filter((slot) => isDue(slot) && !isInLine(slot) && slot.sendAt <= at);
    return due.slice(0, most);
  }

  waitInLine(slot: Slot, dueAt: Instant): void {
    slot.dueAt = dueAt;
    slot.sendAt = inLine;
    this.#line.push(slot);
  }

  /** Back to where it stood in line before it was taken out. */
  stayInLine(slot: DueSlot): void {
    slot.sendAt = inLine;
  }

  nextInLine(): DueSlot | undefined {
    for (let slot = this.#line.shift(); slot !== undefined; slot = this.#line.shift()) {
      if (isDue(slot) && isInLine(slot)) return slot;
    }
    return undefined;
  }

  /** Sorts out old places, once they are more than half of all. What happens between two steps is taken account of. */
  *tidy(slots: Iterable<Slot>, mostStale = staleKept): Steps {
    // One at a time: what comes in between goes into one fresh heap only.
    if (this.#fresh !== null || this.#heap.size <= 2 * this.#live + mostStale) return;
    const fresh = new Heap<DueSlot>();
    this.#fresh = fresh;
    try {
      for (const slot of slots) {
        if (isDue(slot) && !isInLine(slot)) fresh.push(slot.sendAt, slot);
        yield;
      }
      this.#heap = fresh;
    } finally {
      this.#fresh = null;
    }
  }

  /** Time goes on with every run, so a place is an old one when its slot is due at another time. */
  #startsWithDue(): boolean {
    const { first, firstKey } = this.#heap;
    return first !== undefined && isDue(first) && first.sendAt === firstKey;
  }
}

export function isDue(slot: Slot): slot is DueSlot {
  return slot.dueAt !== null;
}

export function isInLine({ sendAt }: Slot): boolean {
  return sendAt === inLine;
}
