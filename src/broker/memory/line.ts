// One queue in memory: by priority, then by age, and what comes back goes to the place it had.
import type { Envelope } from "../../protocol/envelope.ts";

export interface Item {
  readonly envelope: Envelope;
  /** Grows with the age of the process: the place in the queue. */
  readonly number: number;
  readonly redelivered: boolean;
}

// What was taken stays at the front of its list until there is so much of it: taking must not move the whole list.
const mostTaken = 1000;

interface Shelf {
  readonly priority: number;
  items: Item[];
  /** How many of the first items are taken. */
  taken: number;
}

export class Line {
  /** By priority, 0 first. */
  readonly #shelves: Shelf[] = [];

  get size(): number {
    return this.#shelves.reduce((sum, { items, taken }) => sum + items.length - taken, 0);
  }

  /** What waits, the next one out first. */
  items(): readonly Item[] {
    return this.#shelves.flatMap(({ items, taken }) => items.slice(taken));
  }

  put(item: Item): void {
    const { items, taken } = this.#shelf(item.envelope.properties.priority);
    let place = items.length;
    while (place > taken && (items[place - 1]?.number ?? 0) > item.number) place -= 1;
    if (place === items.length) items.push(item);
    else items.splice(place, 0, item);
  }

  /** What is given back is older than nearly all that waits: it is looked for from the front. */
  putBack(item: Item): void {
    const shelf = this.#shelf(item.envelope.properties.priority);
    const { items, taken } = shelf;
    let place = taken;
    while (place < items.length && (items[place]?.number ?? 0) < item.number) place += 1;
    items.splice(place, 0, item);
  }

  take(): Item | undefined {
    const shelf = this.#shelves.find(({ items, taken }) => taken < items.length);
    if (shelf === undefined) return undefined;
    const item = shelf.items[shelf.taken];
    shelf.taken += 1;
    if (shelf.taken === shelf.items.length || shelf.taken === mostTaken) {
      shelf.items = shelf.items.slice(shelf.taken);
      shelf.taken = 0;
    }
    return item;
  }

  /** Throws away all but the newest `most`; returns how many went. */
  cut(most: number): number {
    const excess = this.size - most;
    if (excess <= 0) return 0;
    const oldest = this.items()
      .toSorted((left, right) => left.number - right.number)
      .slice(0, excess);
    const gone = new Set(oldest);
    for (const shelf of this.#shelves) {
      shelf.items = shelf.items.slice(shelf.taken).filter((item) => !gone.has(item));
      shelf.taken = 0;
    }
    return excess;
  }

  #shelf(priority: number): Shelf {
    const found = this.#shelves.find((shelf) => shelf.priority === priority);
    if (found !== undefined) return found;
    const shelf: Shelf = { priority, items: [], taken: 0 };
    this.#shelves.push(shelf);
    this.#shelves.sort((left, right) => left.priority - right.priority);
    return shelf;
  }
}
