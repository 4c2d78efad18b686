// Due order: which entry is next, in O(log n), for a million entries. Keys stand apart from items so that sifting stays in
// one flat array.

export class Heap<Item> {
  #keys = new Float64Array(64);
  #items: (Item | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The smallest key, or Infinity when empty. */
  get firstKey(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#keys[0] as number);
  }

  push(key: number, item: Item): void {
    if (this.#size === this.#keys.length) this.#grow();
    this.#siftUp(this.#size, key, item);
    this.#size += 1;
  }

  /** Takes the item with the smallest key. */
  pop(): Item | undefined {
    if (this.#size === 0) return undefined;
    const first = this.#items[0];
    this.#size -= 1;
    const key = this.#keys[this.#size] as number;
    const item = this.#items[this.#size] as Item;
    this.#items[this.#size] = undefined;
    if (this.#size > 0) this.#siftDown(key, item);
    return first;
  }

  clear(): void {
    this.#items = [];
    this.#size = 0;
  }

  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
  }

  #siftUp(from: number, key: number, item: Item): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((this.#keys[parent] as number) <= key) break;
      this.#keys[index] = this.#keys[parent] as number;
      this.#items[index] = this.#items[parent];
      index = parent;
    }
    this.#keys[index] = key;
    this.#items[index] = item;
  }

  #siftDown(key: number, item: Item): void {
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (this.#keys[child + 1] as number) < (this.#keys[child] as number)) child += 1;
      if ((this.#keys[child] as number) >= key) break;
      this.#keys[index] = this.#keys[child] as number;
      this.#items[index] = this.#items[child];
      index = child;
    }
    this.#keys[index] = key;
    this.#items[index] = item;
  }
}
