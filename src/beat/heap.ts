// Due order: which entry is next, in O(log n), for a million entries. Keys stand apart from items so that sifting stays in
// flat arrays. Items of one key come out in the order they went in.

export class Heap<Item> {
  #keys = new Float64Array(64);
  #turns = new Float64Array(64);
  #items: (Item | undefined)[] = [];
  #size = 0;
  #turn = 0;

  get size(): number {
    return this.#size;
  }

  /** The smallest key, or Infinity when empty. */
  get firstKey(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#keys[0] as number);
  }

  get first(): Item | undefined {
    return this.#size === 0 ? undefined : this.#items[0];
  }

  push(key: number, item: Item): void {
    if (this.#size === this.#keys.length) this.#grow();
    this.#turn += 1;
    let index = this.#size;
    this.#size += 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      // On a tie the newcomer stays below: its turn is the latest.
      if ((this.#keys[parent] as number) <= key) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#put(index, key, this.#turn, item);
  }

  /** Takes the item with the smallest key. */
  pop(): Item | undefined {
    if (this.#size === 0) return undefined;
    const first = this.#items[0];
    this.#size -= 1;
    const last = this.#size;
    const item = this.#items[last] as Item;
    this.#items[last] = undefined;
    if (last > 0) this.#siftDown(this.#keys[last] as number, this.#turns[last] as number, item);
    return first;
  }

  /** Items with keys up to `limit`, in no order, and not more than `most`. */
  upTo(limit: number, most: number): readonly Item[] {
    const found: Item[] = [];
    const open = [0];
    for (let index = open.pop(); index !== undefined && found.length < most; index = open.pop()) {
      if (index >= this.#size || (this.#keys[index] as number) > limit) continue;
      found.push(this.#items[index] as Item);
      open.push(2 * index + 2, 2 * index + 1);
    }
    return found;
  }

  clear(): void {
    this.#items = [];
    this.#size = 0;
  }

  #siftDown(key: number, turn: number, item: Item): void {
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (right < this.#size && this.#isBefore(right, this.#keys[child] as number, this.#turns[child] as number)) {
        child = right;
      }
      if (!this.#isBefore(child, key, turn)) break;
      this.#move(child, index);
      index = child;
    }
    this.#put(index, key, turn, item);
  }

  #isBefore(index: number, key: number, turn: number): boolean {
    const own = this.#keys[index] as number;
    return own < key || (own === key && (this.#turns[index] as number) < turn);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#keys[from] as number, this.#turns[from] as number, this.#items[from] as Item);
  }

  #put(index: number, key: number, turn: number, item: Item): void {
    this.#keys[index] = key;
    this.#turns[index] = turn;
    this.#items[index] = item;
  }

  #grow(): void {
    this.#keys = doubled(this.#keys);
    this.#turns = doubled(this.#turns);
  }
}

function doubled(values: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}
