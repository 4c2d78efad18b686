import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { assertZone, isZone, zone } from "../../src/schedule/zone.ts";
import { wallClock } from "../helper/cron-oracle.ts";

const at = (text: string): number => Date.parse(text);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const names = [
  "UTC",
  "America/New_York",
  "Europe/London",
  "Australia/Lord_Howe",
  "Africa/Cairo",
  "America/Santiago",
  "Antarctica/Troll",
  "Pacific/Apia",
  "Asia/Kolkata",
  "Asia/Taipei",
  "Africa/Monrovia",
  "America/Boa_Vista",
];

describe("zone", () => {
  it("is the same object for the same name, however it is spelled", () => {
    expect(zone("Asia/Taipei")).toBe(zone("Asia/Taipei"));
    expect(zone("asia/taipei")).toBe(zone("Asia/Taipei"));
    expect(zone("asia/taipei").name).toBe("Asia/Taipei");
    expect(zone("utc").name).toBe("UTC");
  });

  it("knows aliases that Intl does not list", () => {
    const aliases = ["UTC", "Etc/UTC", "GMT", "US/Eastern", "Asia/Kolkata", "Europe/Kyiv", "Etc/GMT+5"];
    expect(aliases.filter(isZone)).toEqual(aliases);
    expect(zone("US/Eastern").offsetAt(at("2025-07-01"))).toBe(-4 * HOUR_MS);
    expect(zone("Etc/UTC").offsetAt(at("2025-07-01"))).toBe(0);
  });

  it("says which name was meant", () => {
    const hints: readonly (readonly [string, string])[] = [
      ["Asia/Taipeh", "did you mean Asia/Taipei?"],
      ["Taipei", "did you mean Asia/Taipei?"],
      ["new york", "did you mean America/New_York?"],
      ["PST", "did you mean America/Los_Angeles?"],
      ["+08:00", "did you mean Etc/GMT-8?"],
      ["UTC-5", "did you mean Etc/GMT+5?"],
      ["nowhere at all", "write an IANA name such as Asia/Taipei or UTC"],
    ];
    for (const [name, hint] of hints) {
      expect({ name, known: isZone(name) }).toEqual({ name, known: false });
      const failure = failureOf(() => assertZone(name));
      expect(failure.message).toBe(`unknown time zone ${JSON.stringify(name)}`);
      expect(failure.hint).toBe(hint);
      expect(failure.code).toBe("schedule");
      expect(() => zone(name)).toThrow(failure.message);
    }
    expect(() => assertZone(8 as unknown as string)).toThrow("unknown time zone 8");
  });

  it("has the offset that Intl has, at any time", () => {
    const instants = fc.integer({ min: at("1875-01-01") / 1000, max: at("2099-01-01") / 1000 });
    fc.assert(
      fc.property(fc.constantFrom(...names), instants, (name, second) => {
        expect(zone(name).offsetAt(second * 1000)).toBe(wallClock(name, second * 1000) - second * 1000);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps offsets from before standard time to the second", () => {
    expect(zone("America/New_York").offsetAt(at("1880-01-01"))).toBe(-(4 * 3600 + 56 * 60 + 2) * 1000);
    expect(zone("Africa/Monrovia").offsetAt(at("1971-01-01"))).toBe(-(44 * 60 + 30) * 1000);
  });

  it("finds an offset that stood for less than a week", () => {
    const boaVista = zone("America/Boa_Vista");
    const summer = boaVista.nextTransition(at("2000-10-01"));
    expect(summer).toEqual({ at: at("2000-10-08T04:00Z"), beforeMs: -4 * HOUR_MS, afterMs: -3 * HOUR_MS });
    expect(boaVista.nextTransition(at("2000-10-08T04:00Z"))?.at).toBe(at("2000-10-15T03:00Z"));
  });

  it("finds each change as the first instant with the new offset, and none within the search's reach as null", () => {
    for (const name of names) {
      let from = at("1960-01-01");
      for (let count = 0; count < 12; count += 1) {
        const change = zone(name).nextTransition(from, 20 * 365 * DAY_MS);
        if (change === null) break;
        expect(change.at).toBeGreaterThan(from);
        const afterMs = wallClock(name, change.at) - change.at;
        const beforeMs = wallClock(name, change.at - 1000) - (change.at - 1000);
        expect({ name, ...change }).toEqual({ name, at: change.at, beforeMs, afterMs });
        from = change.at;
      }
    }
    expect(zone("UTC").nextTransition(at("2025-01-01"))).toBeNull();
    expect(zone("Asia/Taipei").nextTransition(at("2025-01-01"))).toBeNull();
    expect(zone("America/New_York").nextTransition(at("2025-01-01"), DAY_MS)).toBeNull();
    expect(zone("America/New_York").nextTransition(at("2025-03-09T07:00Z") - 1)?.at).toBe(at("2025-03-09T07:00Z"));
    expect(zone("America/New_York").nextTransition(at("2025-03-09T07:00Z"))?.at).toBe(at("2025-11-02T06:00Z"));
  });
});

describe("resolving a wall time", () => {
  const newYork = zone("America/New_York");

  it("gives the one instant that shows it", () => {
    expect(newYork.resolve(at("2025-07-01T12:00Z"))).toEqual({ kind: "unique", at: at("2025-07-01T16:00Z") });
    expect(zone("UTC").resolve(at("2025-07-01T12:00Z"))).toEqual({ kind: "unique", at: at("2025-07-01T12:00Z") });
  });

  it("tells a gap, with the end of it and the shifted instant", () => {
    const gap = { kind: "gap", at: at("2025-03-09T07:00Z"), shiftedAt: at("2025-03-09T07:30Z") };
    expect(newYork.resolve(at("2025-03-09T02:30Z"))).toEqual(gap);
    expect(newYork.resolve(at("2025-03-09T03:00Z"))).toEqual({ kind: "unique", at: at("2025-03-09T07:00Z") });
    const apia = zone("Pacific/Apia").resolve(at("2011-12-30T12:00Z"));
    expect(apia).toEqual({ kind: "gap", at: at("2011-12-30T10:00Z"), shiftedAt: at("2011-12-30T22:00Z") });
  });

  it("tells an overlap, with both instants", () => {
    const overlap = { kind: "overlap", firstAt: at("2025-11-02T05:30Z"), secondAt: at("2025-11-02T06:30Z") };
    expect(newYork.resolve(at("2025-11-02T01:30Z"))).toEqual(overlap);
    expect(newYork.resolve(at("2025-11-02T02:00Z"))).toEqual({ kind: "unique", at: at("2025-11-02T07:00Z") });
  });

  it("agrees with the clock on the wall around every change", () => {
    const offsets = fc.integer({ min: -50 * 60, max: 50 * 60 });
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.integer({ min: 1950, max: 2035 }), offsets, (name, year, minutes) => {
        const change = zone(name).nextTransition(Date.UTC(year, 0, 1))?.at ?? Date.UTC(year, 5, 1);
        const wall = Math.round((change + minutes * 60_000) / 1000) * 1000;
        const showing = instantsShowing(name, wall);
        const resolved = zone(name).resolve(wall);
        if (resolved.kind === "gap") {
          expect(showing).toEqual([]);
          expect(wallClock(name, resolved.at)).toBeGreaterThan(wall);
          expect(wallClock(name, resolved.at - 1000)).toBeLessThan(wall);
        } else {
          expect(resolved.kind === "unique" ? [resolved.at] : [resolved.firstAt, resolved.secondAt]).toEqual(showing);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Tries every offset that the zone has within two days. */
function instantsShowing(name: string, wall: number): number[] {
  const offsets = new Set<number>();
  for (let hours = -48; hours <= 48; hours += 1) {
    const probe = wall + hours * HOUR_MS;
    offsets.add(wallClock(name, probe) - probe);
  }
  const instants = [...offsets].map((offset) => wall - offset).filter((instant) => wallClock(name, instant) === wall);
  return instants.sort((left, right) => left - right);
}

function failureOf(act: () => unknown): LovageError {
  try {
    act();
  } catch (error) {
    if (error instanceof LovageError) return error;
  }
  throw new Error("nothing was thrown");
}
