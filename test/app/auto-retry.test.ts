import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffSeconds } from "../../src/app/auto-retry.ts";

describe("backoffSeconds", () => {
  it("doubles with each retry, up to the bound", () => {
    const waits = [0, 1, 2, 3, 4, 5].map((retries) => backoffSeconds({ factor: 3, retries, most: 40 }, false));
    expect(waits).toEqual([3, 6, 12, 24, 40, 40]);
  });

  it("with jitter is any whole number of seconds up to that", () => {
    const steps = { factor: 1, retries: 2, most: 600 };
    const waits = [0, 0.2, 0.5, 0.7, 0.999].map((random) => backoffSeconds(steps, true, random));
    expect(waits).toEqual([0, 1, 2, 3, 4]);
  });

  it("never leaves its bounds, however many retries there were", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(5000), fc.nat(3600), random, (factor, retries, most, share) => {
        const full = backoffSeconds({ factor, retries, most }, false);
        const wait = backoffSeconds({ factor, retries, most }, true, share);
        expect(full).toBeLessThanOrEqual(most);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(full);
        expect(Number.isInteger(wait)).toBe(true);
      }),
    );
  });
});
