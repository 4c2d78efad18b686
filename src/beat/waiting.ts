// Occurrences that wait to be sent, in line. They leave in batches of one kind: what was made ready together leaves together.
import type { EntryNow } from "./dispatch.ts";
import type { ReadyGroup } from "./ahead.ts";
import type { Occurrence } from "./occurrence.ts";

export type SlotOf = (name: string) => EntryNow | undefined;

export class Waiting {
  readonly #slotOf: SlotOf;
  #line: Occurrence[] = [];

  constructor(slotOf: SlotOf) {
    this.#slotOf = slotOf;
  }

  get size(): number {
    return this.#line.length;
  }

  get first(): Occurrence | undefined {
    return this.#line[0];
  }

  all(): readonly Occurrence[] {
    return this.#line;
  }

  add(occurrences: readonly Occurrence[]): void {
    for (const occurrence of occurrences) this.#line.push(occurrence);
  }

  putBack(occurrences: readonly Occurrence[]): void {
    this.#line = occurrences.concat(this.#line);
  }

  /** Takes out of line what is meant. */
  withdraw(isMeant: (occurrence: Occurrence) => boolean): readonly Occurrence[] {
    const withdrawn = this.#line.filter(isMeant);
    if (withdrawn.length > 0) this.#line = this.#line.filter((occurrence) => !isMeant(occurrence));
    return withdrawn;
  }

  /**
   * About so many from the front, all of the schedule or all by hand: what is asked for by hand may have been sent under
   * another term, and is judged by its mark.
   */
  take(size: number): readonly Occurrence[] {
    const end = this.#wholeGroups(Math.min(size, this.#line.length));
    const isByHand = this.#line[0]?.byHand !== undefined;
    let count = 0;
    while (count < end && (this.#line[count]?.byHand !== undefined) === isByHand) count += 1;
    return this.#line.splice(0, count);
  }

  /** So that no group is torn apart: back to where it begins, or, if nothing is in front of it, on to its end. */
  #wholeGroups(end: number): number {
    const group = this.#groupAt(end);
    if (group === null || this.#groupAt(end - 1) !== group) return end;
    let start = end;
    while (start > 0 && this.#groupAt(start - 1) === group) start -= 1;
    if (start > 0) return start;
    let whole = end;
    while (this.#groupAt(whole) === group) whole += 1;
    return whole;
  }

  #groupAt(index: number): ReadyGroup | null {
    const occurrence = this.#line[index];
    return (occurrence && this.#slotOf(occurrence.entry.name)?.ready?.group) ?? null;
  }
}
