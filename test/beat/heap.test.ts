import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "../../src/beat/heap.ts";

describe("Heap", () => {
  it("gives items back in the order of their keys, however they came", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e6, max: 1e15 }), { maxLength: 500 }), (keys) => {
        const heap = new Heap<number>();
        for (const key of keys) heap.push(key, key);
        const out = Array.from({ length: keys.length }, () => heap.pop());
        expect(out).toEqual([...keys].sort((left, right) => left - right));
        expect(heap.size).toBe(0);
      }),
    );
  });

  it("stays in order while pushes and pops mix", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 100 })), { maxLength: 300 }), (steps) => {
        const heap = new Heap<number>();
        const model: number[] = [];
        for (const key of steps) {
          if (key === null) {
            model.sort((left, right) => left - right);
            expect(heap.pop()).toBe(model.shift());
          } else {
            heap.push(key, key);
            model.push(key);
          }
          expect(heap.firstKey).toBe(model.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...model));
        }
      }),
    );
  });

  it("gives items of one key back in the order they came", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 200 }), (keys) => {
        const heap = new Heap<readonly [number, number]>();
        keys.forEach((key, index) => heap.push(key, [key, index]));
        const expected = keys.map((key, index) => [key, index]).sort(([left = 0], [right = 0]) => left - right);
        expect(Array.from({ length: keys.length }, () => heap.pop())).toEqual(expected);
      }),
    );
  });

  it("is empty after clear", () => {
    const heap = new Heap<string>();
    heap.push(1, "one");
    heap.clear();
    expect(heap.pop()).toBeUndefined();
    expect(heap.firstKey).toBe(Number.POSITIVE_INFINITY);
  });
});
