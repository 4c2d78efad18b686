import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { formatDuration, parseDuration } from "../../src/schedule/duration.ts";

describe("parseDuration", () => {
  const written: readonly (readonly [number | string, number])[] = [
    [10, 10_000],
    [0.25, 250],
    ["10", 10_000],
    ["1.5", 1500],
    ["10s", 10_000],
    ["250ms", 250],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1h 30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["1 hour 30 minutes", 5_400_000],
    ["1d", 86_400_000],
    ["2w", 1_209_600_000],
    ["1d2h3m4s5ms", 93_784_005],
    [" 10s ", 10_000],
    ["PT5M", 300_000],
    ["pt5m", 300_000],
    ["P1DT2H", 93_600_000],
    ["P2W", 1_209_600_000],
    ["PT0.5S", 500],
    ["0s", 0],
  ];
  for (const [text, ms] of written) {
    it(`reads ${JSON.stringify(text)} as ${ms} ms`, () => expect(parseDuration(text)).toBe(ms));
  }

  const wrong = [
    "",
    "s",
    "10 parsecs",
    "1h1h",
    "P",
    "PT",
    "P1DT",
    "1,5h",
    "--5s",
    "ten",
    "1h30",
    "P1.2.3D",
    "1M",
    "10S",
  ];
  for (const text of wrong) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseDuration(text)).toThrow(`${JSON.stringify(text)} is not a duration`);
    });
  }

  it("refuses what is not a finite number", () => {
    expect(() => parseDuration(Number.NaN)).toThrow("NaN is not a duration");
    expect(() => parseDuration(Infinity)).toThrow("Infinity is not a duration");
    expect(() => parseDuration(null as unknown as number)).toThrow("null is not a duration");
  });

  it("says why calendar units do not work", () => {
    for (const text of ["1 month", "P1M", "2 years", "P1Y2M", "1M"]) {
      const failure = catchError(() => parseDuration(text));
      expect(`${text}: ${failure.hint}`).toContain("no fixed length");
      expect(failure.code).toBe("schedule");
    }
  });

  it("takes a sign only where that is allowed", () => {
    expect(parseDuration("-15m", { allowNegative: true })).toBe(-900_000);
    expect(parseDuration("-PT15M", { allowNegative: true })).toBe(-900_000);
    expect(parseDuration(-1.5, { allowNegative: true })).toBe(-1500);
    expect(parseDuration("+15m", { allowNegative: true })).toBe(900_000);
    expect(Object.is(parseDuration("-0s"), 0)).toBe(true);
    expect(() => parseDuration("-15m")).toThrow("a duration cannot be negative here: -15m");
    expect(() => parseDuration(-3)).toThrow("a duration cannot be negative here: -3");
  });
});

describe("formatDuration", () => {
  it("uses the words people use", () => {
    expect(formatDuration(0)).toBe("0 seconds");
    expect(formatDuration(500)).toBe("0.5 seconds");
    expect(formatDuration(1)).toBe("0.001 seconds");
    expect(formatDuration(1000)).toBe("1 second");
    expect(formatDuration(10_000)).toBe("10 seconds");
    expect(formatDuration(5_400_000)).toBe("1 hour 30 minutes");
    expect(formatDuration(90_061_500)).toBe("1 day 1 hour 1 minute 1.5 seconds");
    expect(formatDuration(-900_000)).toBe("-15 minutes");
  });

  it("is read back as the same span", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
        expect(parseDuration(formatDuration(ms), { allowNegative: true })).toBe(ms);
      }),
    );
  });
});

function catchError(act: () => unknown): LovageError {
  try {
    act();
  } catch (error) {
    if (error instanceof LovageError) return error;
  }
  throw new Error("nothing was thrown");
}
