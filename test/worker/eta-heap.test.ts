// Due order, compared with sorting.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EtaHeap } from "../../src/worker/eta-heap.ts";

function heapOf(...entries: readonly (readonly [number, string])[]): EtaHeap<string> {
  const heap = new EtaHeap<string>();
  for (const [at, item] of entries) heap.push(at, item);
  return heap;
}

describe("EtaHeap", () => {
  it("gives what is due, in due order, and keeps the rest", () => {
    const heap = heapOf([30, "c"], [10, "a"], [20, "b"], [40, "d"]);
    expect(heap.nextAt()).toBe(10);
    expect(heap.popDue(30)).toEqual(["a", "b", "c"]);
    expect(heap.items()).toEqual(["d"]);
    expect(heap.nextAt()).toBe(40);
    expect(heap.popDue(39)).toEqual([]);
  });

  it("is empty at first and in the end", () => {
    const heap = heapOf();
    expect([heap.size, heap.nextAt(), heap.popDue(1e15), heap.items()]).toEqual([0, null, [], []]);
    heap.push(1, "a");
    heap.popDue(1);
    expect([heap.size, heap.nextAt()]).toEqual([0, null]);
  });

  it("gives those of one instant in the order they came", () => {
    const names = Array.from({ length: 100 }, (_, index) => `task ${index}`);
    const heap = heapOf(...names.map((name) => [5, name] as const));
    expect(heap.items()).toEqual(names);
    expect(heap.popDue(5)).toEqual(names);
  });

  it("moves an item that is pushed again", () => {
    const heap = heapOf([10, "a"], [20, "b"], [30, "a"]);
    expect(heap.size).toBe(2);
    expect(heap.items()).toEqual(["b", "a"]);
  });

  it("says whether there was anything to remove", () => {
    const heap = heapOf([10, "a"]);
    expect([heap.remove("a"), heap.remove("a"), heap.remove("b")]).toEqual([true, false, false]);
    expect(heap.size).toBe(0);
  });

  it("keeps due order whatever is pushed and removed", () => {
    const pushes = fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(pushes, fc.nat(20), (entries, now) => {
        const heap = new EtaHeap<number>();
        for (const [index, [at]] of entries.entries()) heap.push(at, index);
        for (const [index, [, removed]] of entries.entries()) if (removed) heap.remove(index);
        const left = [...entries.entries()].filter(([, [, removed]]) => !removed);
        const sorted = left.toSorted(([, [left]], [, [right]]) => left - right);
        expect(heap.items()).toEqual(sorted.map(([index]) => index));
        expect(heap.popDue(now)).toEqual(sorted.filter(([, [at]]) => at <= now).map(([index]) => index));
        expect(heap.nextAt()).toBe(sorted.find(([, [at]]) => at > now)?.[1][0] ?? null);
        expect(heap.size).toBe(sorted.filter(([, [at]]) => at > now).length);
      }),
    );
  });

  it("takes ten thousand out again in no order without searching through all of them", () => {
    const heap = new EtaHeap<number>();
    const count = 10_000;
    for (let index = 0; index < count; index += 1) heap.push((index * 7919) % count, index);
    for (let index = 0; index < count; index += 2) heap.remove(index);
    const due = heap.popDue(count).map((index) => (index * 7919) % count);
    expect(due).toHaveLength(count / 2);
    expect(due).toEqual(due.toSorted((left, right) => left - right));
  });
});
