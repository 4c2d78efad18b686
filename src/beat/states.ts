// What the plan knows of each entry, as it is at the moment somebody looks: a copy of a hundred thousand takes its time.
import type { EntryState } from "../store/store.ts";
import type { Slot } from "./slot.ts";

export class States implements ReadonlyMap<string, EntryState> {
  readonly #slots: ReadonlyMap<string, Slot>;

  constructor(slots: ReadonlyMap<string, Slot>) {
    this.#slots = slots;
  }

  get size(): number {
    return this.#slots.size;
  }

  has(name: string): boolean {
    return this.#slots.has(name);
  }

  get(name: string): EntryState | undefined {
    return this.#slots.get(name)?.state;
  }

  forEach(act: (state: EntryState, name: string, states: ReadonlyMap<string, EntryState>) => void): void {
    for (const [name, state] of this) act(state, name, this);
  }

  keys(): MapIterator<string> {
    return this.#slots.keys();
  }

  *values(): Generator<EntryState, undefined> {
    for (const { state } of this.#slots.values()) yield state;
    return undefined;
  }

  *entries(): Generator<[string, EntryState], undefined> {
    for (const [name, { state }] of this.#slots) yield [name, state];
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, EntryState], undefined> {
    return this.entries();
  }
}
