// Takes from the lines of a place, a turn each, as long as there is room.
import type { BoundQueue, ConsumeOptions, Consumer, Delivery } from "../consumer.ts";
import type { Item } from "./line.ts";
import type { Place } from "./place.ts";

// Then the event loop gets its turn.
const mostAtOnce = 1000;

export class MemoryConsumer implements Consumer {
  readonly #place: Place;
  readonly #options: ConsumeOptions;
  readonly #onEnd: (consumer: Consumer) => void;
  /** Its order is the order of turns: who was served goes to the end. */
  readonly #turns: string[] = [];
  readonly #queues = new Map<string, BoundQueue>();
  readonly #temporary = new Set<string>();
  readonly #inHand = new Map<Item, string>();
  #prefetch: number;
  #paused = false;
  #closed = false;
  #scheduled = false;

  constructor(place: Place, options: ConsumeOptions, onEnd: (consumer: Consumer) => void) {
    this.#place = place;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#prefetch = options.prefetch;
    place.waiters.add(this.#wake);
  }

  get queues(): readonly BoundQueue[] {
    return [...this.#queues.values()];
  }

  async addQueue(queue: BoundQueue): Promise<void> {
    this.#place.declare(queue);
    if (queue.temporary === true) this.#temporary.add(queue.name);
    if (!this.#queues.has(queue.name)) this.#turns.push(queue.name);
    this.#queues.set(queue.name, queue);
    this.#wake();
  }

  async cancelQueue(name: string): Promise<boolean> {
    const index = this.#turns.indexOf(name);
    if (index !== -1) this.#turns.splice(index, 1);
    return this.#queues.delete(name);
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    this.#wake();
  }

  async pause(): Promise<void> {
    this.#paused = true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#paused = true;
    this.#place.waiters.delete(this.#wake);
    for (const [item, queue] of this.#inHand) this.#place.giveBack(queue, item);
    this.#inHand.clear();
    for (const queue of this.#temporary) this.#place.drop(queue);
    this.#place.wake();
    this.#onEnd(this);
  }

  readonly #wake = (): void => {
    if (this.#scheduled || this.#paused) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#takeAll();
    });
  };

  #takeAll(): void {
    for (let count = 0; this.#hasRoom(); count += 1) {
      if (count === mostAtOnce) return this.#wake();
      const taken = this.#takeOne();
      if (taken === undefined) return;
      this.#inHand.set(taken.item, taken.queue);
      this.#options.onDelivery(this.#deliver(taken.item, taken.queue));
    }
  }

  #hasRoom(): boolean {
    return !this.#paused && (this.#prefetch === 0 || this.#inHand.size < this.#prefetch);
  }

  #takeOne(): { readonly item: Item; readonly queue: string } | undefined {
    for (const [index, queue] of this.#turns.entries()) {
      const item = this.#place.line(queue).take();
      if (item === undefined) continue;
      this.#turns.push(...this.#turns.splice(index, 1));
      return { item, queue };
    }
    return undefined;
  }

  #deliver(item: Item, queue: string): Delivery {
    const settle = async (act?: () => void): Promise<boolean> => {
      if (!this.#inHand.delete(item)) return false;
      act?.();
      this.#wake();
      return true;
    };
    const requeue = (): void => {
      this.#place.giveBack(queue, item);
      this.#place.wake();
    };
    const setAside = (): void => {
      this.#place.setAside(queue, item);
      this.#place.wake();
    };
    return Object.freeze({
      envelope: item.envelope,
      queue,
      redelivered: item.redelivered,
      isLost: false,
      ack: () => settle(),
      reject: (again: boolean) => settle(again ? requeue : setAside),
    });
  }
}
