import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterLast, takeInTurns } from "../../../src/broker/sqlite/turns.ts";

/** Queues with so many items each, and what a take of `room` gives: "a0" is the first of queue a. */
function take(sizes: Readonly<Record<string, number>>, room: number): readonly string[] {
  const lines = new Map(
    Object.entries(sizes).map(([queue, size]) => [
      queue,
      Array.from({ length: size }, (_, index) => `${queue}${index}`),
    ]),
  );
  return takeInTurns([...lines.keys()], room, (queue, most) => lines.get(queue)?.splice(0, most) ?? []);
}

describe("takeInTurns", () => {
  it("takes one of each in turn", () => {
    expect(take({ a: 5, b: 5, c: 5 }, 6)).toEqual(["a0", "b0", "c0", "a1", "b1", "c1"]);
  });

  it("lets the others give what one lacks", () => {
    expect(take({ a: 1, b: 9, c: 0 }, 6)).toEqual(["a0", "b0", "b1", "b2", "b3", "b4"]);
  });

  it("takes nothing without room or queues", () => {
    expect(take({ a: 3 }, 0)).toEqual([]);
    expect(take({}, 3)).toEqual([]);
  });

  it("fills the room as far as there is something, in order, and leaves no queue behind another", () => {
    const sizes = fc.array(fc.nat(12), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(sizes, fc.nat(30), (counts, room) => {
        const names = counts.map((_, index) => String.fromCodePoint(97 + index));
        const taken = take(Object.fromEntries(names.map((name, index) => [name, counts[index] ?? 0])), room);
        const total = counts.reduce((sum, count) => sum + count, 0);
        expect(taken).toHaveLength(Math.min(room, total));
        const got = names.map((name) => taken.filter((item) => item.startsWith(name)));
        for (const [index, items] of got.entries()) {
          expect(items).toEqual(items.map((_, place) => `${names[index]}${place}`));
          // Whoever got less than another by more than a turn had no more to give.
          const most = Math.max(...got.map((line) => line.length));
          if (items.length < most - 1) expect(items).toHaveLength(counts[index] ?? 0);
        }
      }),
    );
  });
});

describe("afterLast", () => {
  it("begins with the one after who was served last", () => {
    expect(afterLast(["a", "b", "c"], "a")).toEqual(["b", "c", "a"]);
    expect(afterLast(["a", "b", "c"], "c")).toEqual(["a", "b", "c"]);
    expect(afterLast(["a", "b", "c"], undefined)).toEqual(["a", "b", "c"]);
  });
});
