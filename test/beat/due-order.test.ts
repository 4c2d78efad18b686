import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DueOrder } from "../../src/beat/due-order.ts";
import { createSlot, type Slot } from "../../src/beat/slot.ts";
import { freshState } from "../../src/beat/standing.ts";
import { atOnce } from "../../src/beat/steps.ts";
import { entryOf } from "../helper/beat-stage.ts";

function slotOf(name: string): Slot {
  const entry = entryOf({ name });
  return createSlot(entry, freshState(entry, undefined, 0), undefined);
}

function place(order: DueOrder, slot: Slot, at: number): void {
  order.takeOut(slot);
  order.put(Object.assign(slot, { dueAt: at, sendAt: at }));
}

const act = fc.record({ slot: fc.nat(9), at: fc.integer({ min: 0, max: 20 }), isOut: fc.boolean() });

describe("due order", () => {
  it("gives what is due, each once and where it was put last, however often things move", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 200 }), fc.nat(200), (acts, tidyAt) => {
        const order = new DueOrder();
        const slots = Array.from({ length: 10 }, (_, index) => slotOf(String(index)));
        for (const [index, { slot: which, at, isOut }] of acts.entries()) {
          const slot = slots[which];
          if (slot === undefined) continue;
          if (isOut) order.takeOut(slot);
          else place(order, slot, at);
          if (index === tidyAt) atOnce(order.tidy(slots, 0));
          const due = slots.filter(({ dueAt }) => dueAt !== null);
          expect(order.firstKey).toBe(Math.min(...due.map(({ sendAt }) => sendAt)));
          const early = due.filter(({ sendAt }) => sendAt <= 10);
          expect(new Set(order.upTo(10, 100))).toEqual(new Set(early));
          expect(order.upTo(10, 100)).toHaveLength(early.length);
        }
        const expected = slots.filter(({ dueAt }) => dueAt !== null).map(({ sendAt }) => sendAt);
        const popped: number[] = [];
        for (let slot = order.pop(); slot !== undefined; slot = order.pop()) {
          popped.push(slot.sendAt);
          Object.assign(slot, { dueAt: null });
        }
        expect(popped).toEqual(expected.toSorted((left, right) => left - right));
      }),
      { numRuns: 300 },
    );
  });

  it("sorts out old places while things go on moving between its steps", () => {
    const order = new DueOrder();
    const slots = Array.from({ length: 100 }, (_, index) => slotOf(String(index)));
    for (let round = 1; round <= 20; round += 1) for (const slot of slots) place(order, slot, round * 100);
    let count = 0;
    for (const steps = order.tidy(slots, 0); steps.next().done !== true; count += 1) {
      const [ahead, behind] = [slots[count], slots[99 - count]];
      if (ahead !== undefined) place(order, ahead, 5000 + count);
      if (behind !== undefined && count % 3 === 0) order.takeOut(behind);
    }
    expect(count).toBe(100);
    const left = slots.filter(({ dueAt }) => dueAt !== null);
    const popped = new Set<Slot>();
    for (let slot = order.pop(); slot !== undefined; slot = order.pop()) {
      expect(popped.has(slot)).toBe(false);
      popped.add(slot);
      Object.assign(slot, { dueAt: null });
    }
    expect(popped).toEqual(new Set(left));
  });

  it("gives nobody in line a turn who has left it", () => {
    const order = new DueOrder();
    const [first, second] = [slotOf("first"), slotOf("second")];
    order.waitInLine(first, 1);
    order.waitInLine(second, 2);
    order.takeOut(first);
    expect(order.nextInLine()).toBe(second);
    expect(order.nextInLine()).toBeUndefined();
    expect(order.isCatchingUp).toBe(false);
  });

  it("sorts out old places once at a time, and loses nothing that moves meanwhile", () => {
    const order = new DueOrder();
    const slots = Array.from({ length: 20 }, (_, index) => slotOf(String(index)));
    for (let round = 1; round <= 20; round += 1) for (const slot of slots) place(order, slot, round * 100);
    const outer = order.tidy(slots, 0);
    for (let step = 0; step < 10; step += 1) outer.next();
    atOnce(order.tidy(slots, 0));
    for (const slot of slots) place(order, slot, 7);
    atOnce(outer);
    expect(order.firstKey).toBe(7);
    expect(new Set(order.upTo(7, 100))).toEqual(new Set(slots));
  });

  it("finds as many as were asked for, however many old places lie in front of them", () => {
    const order = new DueOrder();
    const slots = Array.from({ length: 300 }, (_, index) => slotOf(String(index)));
    for (const slot of slots) place(order, slot, 1);
    for (const slot of slots.slice(0, 200)) place(order, slot, 50);
    expect(order.upTo(10, 90)).toHaveLength(90);
  });
});
