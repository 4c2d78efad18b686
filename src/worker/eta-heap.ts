// What waits for its time: the next due in O(log n), and any of it taken out again when it is revoked.
import type { Instant } from "../clock.ts";

interface Waiting<T> {
  readonly at: Instant;
  readonly turn: number;
  readonly item: T;
  index: number;
}

/** Items by their instant; those of one instant come out in the order they went in. An item is in it at most once. */
export class EtaHeap<T> {
  readonly #heap: Waiting<T>[] = [];
  readonly #byItem = new Map<T, Waiting<T>>();
  #turn = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** An item that is in already moves to the new instant. */
  push(at: Instant, item: T): void {
    this.remove(item);
    this.#turn += 1;
    const waiting = { at, turn: this.#turn, item, index: this.#heap.length };
    this.#byItem.set(item, waiting);
    this.#heap.push(waiting);
    this.#rise(waiting);
  }

  /** Null when nothing waits. */
  nextAt(): Instant | null {
    return this.#heap[0]?.at ?? null;
  }

  /** Takes out what is due at `now` or before, in due order. */
  popDue(now: Instant): T[] {
    const due: T[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      due.push(first.item);
      this.remove(first.item);
    }
    return due;
  }

  /** False when it is not in. */
  remove(item: T): boolean {
    const waiting = this.#byItem.get(item);
    if (waiting === undefined) return false;
    this.#byItem.delete(item);
    const last = this.#heap.pop();
    if (last !== undefined && last !== waiting) {
      this.#place(last, waiting.index);
      this.#rise(last);
      this.#sink(last);
    }
    return true;
  }

  /** All of it, in due order. */
  items(): T[] {
    return this.#heap.toSorted((left, right) => (isBefore(left, right) ? -1 : 1)).map(({ item }) => item);
  }

  #rise(waiting: Waiting<T>): void {
    while (waiting.index > 0) {
      const parent = this.#heap[(waiting.index - 1) >> 1];
      if (parent === undefined || isBefore(parent, waiting)) return;
      this.#swap(parent, waiting);
    }
  }

  #sink(waiting: Waiting<T>): void {
    for (;;) {
      const child = this.#firstChild(waiting.index);
      if (child === undefined || isBefore(waiting, child)) return;
      this.#swap(waiting, child);
    }
  }

  #firstChild(index: number): Waiting<T> | undefined {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    return left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
  }

  #swap(upper: Waiting<T>, lower: Waiting<T>): void {
    const { index } = upper;
    this.#place(upper, lower.index);
    this.#place(lower, index);
  }

  #place(waiting: Waiting<T>, index: number): void {
    waiting.index = index;
    this.#heap[index] = waiting;
  }
}

function isBefore(left: Waiting<unknown>, right: Waiting<unknown>): boolean {
  return left.at < right.at || (left.at === right.at && left.turn < right.turn);
}
