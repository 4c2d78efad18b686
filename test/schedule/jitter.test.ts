import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jitterFor } from "../../src/schedule/jitter.ts";

const dueAt = Date.UTC(2026, 0, 1);

describe("jitter", () => {
  it("is the same for the same occurrence, on every host and in every version", () => {
    expect(jitterFor("reports", dueAt, 30_000, null)).toBe(jitterFor("reports", dueAt, 30_000, null));
    expect([jitterFor("reports", dueAt, 30_000, null), jitterFor("reports", dueAt + 60_000, 30_000, null)]).toEqual([
      10191, 2965,
    ]);
  });

  it("stays within its bounds and short of the next occurrence", () => {
    const at = fc.integer({ min: 0, max: 4_000_000_000_000 });
    fc.assert(
      fc.property(
        fc.string(),
        at,
        fc.nat(1_000_000),
        fc.option(fc.integer({ min: 1, max: 100_000 })),
        (name, due, most, gap) => {
          const jitter = jitterFor(name, due, most, gap === null ? null : due + gap);
          expect(Number.isInteger(jitter)).toBe(true);
          expect(jitter).toBeGreaterThanOrEqual(0);
          expect(jitter).toBeLessThanOrEqual(most);
          if (gap !== null) expect(jitter).toBeLessThan(gap);
        },
      ),
    );
  });

  it("is none without a span", () => {
    expect(jitterFor("reports", dueAt, 0, null)).toBe(0);
  });

  it.each([
    ["a fleet at one due time", (index: number) => jitterFor(`host-${index}`, dueAt, 99, null)],
    ["one entry over its due times", (index: number) => jitterFor("job", dueAt + index * 60_000, 99, null)],
  ])("spreads %s evenly", (_, jitterOf) => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index += 1) counts[Math.floor(jitterOf(index) / 10)]! += 1;
    // Of 1,000 expected in each tenth, five standard deviations are 150.
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});
