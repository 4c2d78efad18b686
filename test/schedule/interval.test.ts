import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { every } from "../../src/schedule/interval.ts";
import { zone } from "../../src/schedule/zone.ts";
import { wallClock } from "../helper/cron-oracle.ts";

const at = (text: string): number => Date.parse(text);
const DAY_MS = 86_400_000;

describe("an interval without an anchor", () => {
  it("is due one interval after", () => {
    expect(every(10).next(at("2025-01-01T00:00:03Z"))).toBe(at("2025-01-01T00:00:13Z"));
    expect(every("1h30m").next(at("2025-01-01T00:00Z"))).toBe(at("2025-01-01T01:30Z"));
    expect(every("PT5M").next(0)).toBe(300_000);
    expect(every("250ms").next(0.5)).toBe(250);
  });

  it("counts elapsed time through a clock change", () => {
    const daily = every("1d").bind({ timezone: "America/New_York" });
    expect(daily.next(at("2025-03-08T12:00Z"))).toBe(at("2025-03-09T12:00Z"));
    expect(every(3600).next(at("2025-11-02T05:30Z"))).toBe(at("2025-11-02T06:30Z"));
  });

  it("takes its grid from where it is bound", () => {
    const bound = every(10).bind({ anchorAt: at("2025-01-01T00:00:03Z") });
    expect(bound.next(at("2025-01-01T00:00:03Z"))).toBe(at("2025-01-01T00:00:13Z"));
    expect(bound.next(at("2025-01-01T00:00:14.999Z"))).toBe(at("2025-01-01T00:00:23Z"));
  });
});

describe("an anchored interval", () => {
  it("fires on the grid through the anchor, before it and after it", () => {
    const quarters = every("15m", { anchor: "2025-01-01T00:05Z" });
    expect(quarters.next(at("2025-06-01T10:00Z"))).toBe(at("2025-06-01T10:05Z"));
    expect(quarters.next(at("2025-06-01T10:05Z"))).toBe(at("2025-06-01T10:20Z"));
    expect(quarters.next(at("2024-06-01T10:05Z"))).toBe(at("2024-06-01T10:20Z"));
    expect(every(60, { anchor: new Date(1000) }).next(0)).toBe(1000);
    expect(every(60, { anchor: 1000 }).next(1000)).toBe(61_000);
  });

  it("keeps its own anchor when it is bound", () => {
    const bound = every(60, { anchor: 1000 }).bind({ anchorAt: 31_000 });
    expect(bound.next(0)).toBe(1000);
  });

  it("reads an anchor without an offset in its zone, and in that of the entry", () => {
    const anchor = "2025-01-01T06:00";
    expect(every("1d", { anchor, timezone: "Asia/Taipei" }).next(at("2025-01-05"))).toBe(at("2025-01-05T22:00Z"));
    expect(every("1d", { anchor }).bind({ timezone: "Asia/Taipei" }).next(at("2025-01-05"))).toBe(
      at("2025-01-05T22:00Z"),
    );
    expect(every("1d", { anchor }).next(at("2025-01-05"))).toBe(at("2025-01-05T06:00Z"));
  });

  it("never drifts, repeats or skips, from wherever it is asked", () => {
    const spans = fc.integer({ min: 1, max: 10 * DAY_MS });
    fc.assert(
      fc.property(spans, fc.integer(), fc.integer({ min: -4e12, max: 4e12 }), (intervalMs, anchor, after) => {
        const next = every(intervalMs / 1000, { anchor }).next(after)!;
        expect(next).toBeGreaterThan(after);
        expect(next - after).toBeLessThanOrEqual(intervalMs);
        expect(Math.abs((next - anchor) % intervalMs)).toBe(0);
      }),
    );
  });
});

describe("a relative interval", () => {
  const relative = (interval: number | string, timezone?: string) => every(interval, { relative: true, timezone });
  const next = (interval: number | string, after: string, timezone?: string) =>
    new Date(relative(interval, timezone).next(at(after))!).toISOString();

  it("rounds down to the largest unit it reaches", () => {
    expect(next("2d", "2025-06-01T10:20:30Z")).toBe("2025-06-03T00:00:00.000Z");
    expect(next("3h", "2025-06-01T10:20:30Z")).toBe("2025-06-01T13:00:00.000Z");
    expect(next("90m", "2025-06-01T10:20:30Z")).toBe("2025-06-01T11:00:00.000Z");
    expect(next("5m", "2025-06-01T10:20:30Z")).toBe("2025-06-01T10:25:00.000Z");
    expect(next(90, "2025-06-01T10:20:31Z")).toBe("2025-06-01T10:22:00.000Z");
    expect(next(10, "2025-06-01T10:20:30.400Z")).toBe("2025-06-01T10:20:40.000Z");
    expect(next("250ms", "2025-06-01T10:20:30.400Z")).toBe("2025-06-01T10:20:30.650Z");
  });

  it("begins days on the zone's clock", () => {
    expect(next("1d", "2025-06-01T10:20:30Z", "Asia/Taipei")).toBe("2025-06-01T16:00:00.000Z");
    expect(next("1h", "2025-06-01T10:20:30Z", "Asia/Kolkata")).toBe("2025-06-01T10:30:00.000Z");
    const bound = relative("1d").bind({ timezone: "Asia/Taipei" });
    expect(new Date(bound.next(at("2025-06-01T10:20:30Z"))!).toISOString()).toBe("2025-06-01T16:00:00.000Z");
  });

  it("moves on from the first hour of a day of 25", () => {
    expect(next("1d", "2025-11-02T04:00Z", "America/New_York")).toBe("2025-11-03T05:00:00.000Z");
    expect(next("1d", "2025-03-09T05:00Z", "America/New_York")).toBe("2025-03-10T04:00:00.000Z");
    expect(next("1d", "2025-03-08T15:00Z", "America/Havana")).toBe("2025-03-09T05:00:00.000Z");
  });

  it("is strictly after, at the start of a unit, from wherever it is asked", () => {
    const names = fc.constantFrom(
      "America/New_York",
      "Australia/Lord_Howe",
      "Africa/Cairo",
      "America/Havana",
      "Asia/Kathmandu",
    );
    const cases = fc.record({
      name: names,
      seconds: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 200, max: 300_000 })),
      year: fc.integer({ min: 2000, max: 2025 }),
      offset: fc.integer({ min: -30 * 3_600_000, max: 30 * 3_600_000 }),
    });
    fc.assert(
      fc.property(cases, ({ name, seconds, year, offset }) => {
        const change = zone(name).nextTransition(Date.UTC(year, 0, 1))?.at ?? Date.UTC(year, 5, 1);
        const after = change + offset;
        const found = relative(seconds, name).next(after)!;
        expect(found).toBeGreaterThan(after);
        const unitMs = [DAY_MS, 3_600_000, 60_000, 1000].find((unit) => seconds * 1000 >= unit)!;
        const wall = wallClock(name, found);
        // The end of a gap is the start of whatever began inside it.
        const startOfUnit = wall % unitMs === 0 || found === change;
        expect({ startOfUnit, wall }).toEqual({ startOfUnit: true, wall });
      }),
      { numRuns: 500 },
    );
  });
});

describe("every", () => {
  it("refuses what is no interval", () => {
    expect(() => every(0)).toThrow("an interval must be at least 1 millisecond: 0");
    expect(() => every(0.0001)).toThrow("an interval must be at least 1 millisecond: 0.0001");
    expect(() => every(-5)).toThrow("a duration cannot be negative here: -5");
    expect(() => every(Infinity)).toThrow("Infinity is not a duration");
    expect(() => every("soon")).toThrow('"soon" is not a duration');
    expect(() => every(10, { anchor: 0, relative: true })).toThrow("either anchored or relative");
    expect(() => every(10, { anchor: "yesterday" })).toThrow('anchor: "yesterday" is not a date and time');
    expect(() => every(10, { timezone: "Mars" })).toThrow('unknown time zone "Mars"');
  });

  it("describes itself", () => {
    expect(every(10).describe()).toBe("every 10 seconds");
    expect(every("90m").describe()).toBe("every 1 hour 30 minutes");
    expect(every("1d", { relative: true, timezone: "Asia/Taipei" }).describe()).toBe(
      "every 1 day, rounded down (Asia/Taipei)",
    );
  });

  it("has the same JSON for the same occurrences, and another for others", () => {
    const json = (schedule: { toJSON(): unknown }) => JSON.stringify(schedule.toJSON());
    expect(json(every("90m"))).toBe(json(every("PT1H30M")));
    expect(json(every(60, { anchor: 1000 }))).toBe(json(every(60, { anchor: 61_000 })));
    expect(json(every(60, { anchor: 1000 }))).not.toBe(json(every(60, { anchor: 2000 })));
    expect(json(every(60, { anchor: 0 }))).not.toBe(json(every(60)));
    expect(json(every(60, { relative: true }))).not.toBe(json(every(60)));
    expect(json(every(60).bind({ timezone: "Asia/Taipei" }))).toBe(json(every(60)));
  });

  it("is frozen, and has no occurrence past the end of time", () => {
    expect(Object.isFrozen(every(10))).toBe(true);
    expect(every(10).next(8.64e15)).toBeNull();
    expect(every(10, { relative: true }).next(8.64e15)).toBeNull();
    expect(every(10).next(Number.NaN)).toBeNull();
  });
});
