import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Item, Line } from "../../../src/broker/memory/line.ts";
import { envelopeOf } from "../../helper/envelope.ts";

const envelopes = [0, 3, 9].map((priority) => envelopeOf("x", { priority }));
const itemOf = (number: number, level: number): Item => ({
  envelope: envelopes[level] ?? envelopeOf("x"),
  number,
  redelivered: false,
});
const byPlace = (left: Item, right: Item): number =>
  left.envelope.properties.priority - right.envelope.properties.priority || left.number - right.number;

describe("Line", () => {
  it("gives by priority and age, whatever is put, taken, and given back in between", () => {
    const step = fc.record({ kind: fc.constantFrom("put", "take", "back"), at: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const line = new Line();
        let model: Item[] = [];
        const inHand: Item[] = [];
        for (const [number, { kind, at }] of steps.entries()) {
          if (kind === "put") {
            line.put(itemOf(number, at));
            model.push(itemOf(number, at));
          } else if (kind === "take") {
            const expected = model.toSorted(byPlace)[0];
            const item = line.take();
            expect(item).toEqual(expected);
            model = model.filter((one) => one.number !== expected?.number);
            if (item !== undefined) inHand.push(item);
          } else {
            const item = inHand.splice(at, 1)[0];
            if (item === undefined) continue;
            line.putBack(item);
            model.push(item);
          }
          expect(line.items()).toEqual(model.toSorted(byPlace));
          expect(line.size).toBe(model.length);
        }
      }),
    );
  });

  it("keeps its order over thousands", () => {
    const line = new Line();
    for (let number = 0; number < 5000; number += 1) line.put(itemOf(number, 0));
    const taken = Array.from({ length: 2500 }, () => line.take()?.number);
    expect(taken).toEqual(Array.from({ length: 2500 }, (_, index) => index));
    expect(line.size).toBe(2500);
    expect(line.items()[0]?.number).toBe(2500);
  });

  it("throws away the oldest, of whatever priority", () => {
    const line = new Line();
    for (let number = 0; number < 9; number += 1) line.put(itemOf(number, number % 3));
    expect(line.cut(10)).toBe(0);
    expect(line.cut(4)).toBe(5);
    expect(line.items().map(({ number }) => number)).toEqual([6, 7, 5, 8]);
    expect(line.cut(0)).toBe(4);
    expect(line.size).toBe(0);
  });
});
