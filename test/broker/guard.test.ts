import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judge, nextTerm } from "../../src/broker/guard.ts";

const marks = fc.array(fc.record({ entry: fc.constantFrom("a", "b", "c"), dueAt: fc.integer({ min: 0, max: 20 }) }));

describe("judge", () => {
  it("settles every occurrence once, however a stream of marks is cut into batches and repeated", () => {
    fc.assert(
      fc.property(fc.array(marks), (batches) => {
        const kept = new Map<string, number>();
        const sent: string[] = [];
        for (const batch of batches.flatMap((batch) => [batch, batch])) {
          const { outcomes, moved } = judge(batch, (entry) => kept.get(entry));
          for (const [entry, dueAt] of moved) kept.set(entry, dueAt);
          batch.forEach(({ entry, dueAt }, index) => {
            if (outcomes[index] === "sent") sent.push(`${entry} ${dueAt}`);
          });
        }
        expect(new Set(sent).size).toBe(sent.length);
      }),
    );
  });

  it("never moves a mark back, and sends what is newer than all before it", () => {
    fc.assert(
      fc.property(marks, fc.integer({ min: 0, max: 20 }), (batch, before) => {
        const { outcomes, moved } = judge(batch, () => before);
        for (const dueAt of moved.values()) expect(dueAt).toBeGreaterThan(before);
        batch.forEach(({ entry, dueAt }, index) => {
          const earlier = batch.slice(0, index).filter((mark) => mark.entry === entry);
          const isNewest = dueAt > Math.max(before, ...earlier.map((mark) => mark.dueAt));
          expect(outcomes[index]).toBe(isNewest ? "sent" : "duplicate");
        });
      }),
    );
  });
});

describe("nextTerm", () => {
  it("grows over a broker that forgot, and over a clock that went back", () => {
    expect(nextTerm(0, 1_795_255_200_000.7)).toBe(1_795_255_200_000);
    expect(nextTerm(1_795_255_200_000, 1_000)).toBe(1_795_255_200_001);
  });
});
