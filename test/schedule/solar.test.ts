import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { solar, solarEvents } from "../../src/schedule/solar.ts";
import type { SolarEvent } from "../../src/schedule/solar.ts";
import { skyOver } from "../../src/schedule/sun-position.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const TAIPEI = [25.033, 121.5654] as const;
const LONGYEARBYEN = [78.22, 15.65] as const;
const TROMSO = [69.6496, 18.956] as const;
const MCMURDO = [-77.85, 166.67] as const;

function nextTimes(event: SolarEvent, place: readonly [number, number], from: string, count: number): number[] {
  const schedule = solar(event, ...place);
  const times: number[] = [];
  let after = Date.parse(from);
  for (let index = 0; index < count; index += 1) {
    after = schedule.next(after) ?? Number.POSITIVE_INFINITY;
    times.push(after);
  }
  return times;
}

function nextDays(event: SolarEvent, place: readonly [number, number], from: string, count = 1): string[] {
  return nextTimes(event, place, from, count).map((at) => new Date(at).toISOString().slice(0, 10));
}

/** How many times the event happens in 2026. */
function countIn2026(event: SolarEvent, place: readonly [number, number]): number {
  const schedule = solar(event, ...place);
  let count = 0;
  let at = schedule.next(Date.UTC(2026, 0) - 1);
  while (at !== null && at < Date.UTC(2027, 0)) {
    count += 1;
    at = schedule.next(at);
  }
  return count;
}

describe("a solar schedule", () => {
  it("has the nine events of one day in their order", () => {
    const dayStart = Date.UTC(2026, 2, 19, 16);
    const times = solarEvents.map((event) => solar(event, ...TAIPEI).next(dayStart) ?? 0);
    expect(solarEvents).toHaveLength(9);
    expect(times.toSorted((left, right) => left - right)).toEqual(times);
    expect(times.every((at) => at > dayStart && at < dayStart + DAY)).toBe(true);
  });

  it("has sunrise, noon and sunset at Greenwich on the equinox, to the minute", () => {
    const day = Date.UTC(2026, 2, 20);
    const minute = (event: SolarEvent): string => {
      const at = solar(event, 51.4779, 0).next(day) ?? 0;
      return new Date(Math.round(at / 60_000) * 60_000).toISOString().slice(11, 16);
    };
    expect([minute("sunrise"), minute("solar_noon"), minute("sunset")]).toEqual(["06:03", "12:07", "18:13"]);
  });

  it("answers with the first whole second at which the sun has crossed", () => {
    const sky = skyOver({ latitude: TAIPEI[0], longitude: TAIPEI[1] });
    const [dusk = 0] = nextTimes("dusk_astronomical", TAIPEI, "2026-06-21T00:00Z", 1);
    expect(dusk % 1000).toBe(0);
    expect(sky.centre(dusk)).toBeLessThan(-18);
    expect(sky.centre(dusk - 1000)).toBeGreaterThanOrEqual(-18);
  });

  it("asks the same question twice and gets one answer, whatever was asked in between", () => {
    const schedule = solar("sunset", ...TAIPEI);
    const after = Date.UTC(2026, 4, 1);
    const first = schedule.next(after);
    for (let step = 0; step < 200; step += 1) schedule.next((first ?? 0) - 2000 + step * 20);
    expect(schedule.next(after)).toBe(first);
  });

  it("needs nothing from its entry", () => {
    const schedule = solar("sunset", ...TAIPEI);
    expect(schedule.bind({ timezone: "Asia/Taipei", anchorAt: 5 })).toBe(schedule);
    expect(Object.isFrozen(schedule)).toBe(true);
  });

  it("ends where time ends", () => {
    const schedule = solar("sunset", ...TAIPEI);
    expect(schedule.next(8.64e15)).toBeNull();
    expect(schedule.next(Number.NaN)).toBeNull();
  });
});

describe("a solar schedule with an offset", () => {
  it.each([
    ["-15m", -900_000],
    [-900, -900_000],
    ["1h30m", 5_400_000],
    [0.25, 250],
    ["-2d", -2 * DAY],
    ["3d", 3 * DAY],
  ])("of %s moves every occurrence and loses none", (offset, offsetMs) => {
    const plain = nextTimes("sunset", TAIPEI, "2026-01-01T00:00Z", 12);
    const moved = solar("sunset", ...TAIPEI, { offset });
    for (const [index, sunset] of plain.entries()) {
      expect(moved.next(sunset + offsetMs - 1)).toBe(sunset + offsetMs);
      const following = plain[index + 1];
      if (following !== undefined) expect(moved.next(sunset + offsetMs)).toBe(following + offsetMs);
    }
  });

  it("says it in words", () => {
    expect(solar("sunset", -37.81753, 144.96715, { offset: "-15m" }).describe()).toBe(
      "15 minutes before sunset at -37.81753, 144.96715",
    );
    expect(solar("dusk_civil", 0, 0, { offset: 90 }).describe()).toBe("1 minute 30 seconds after civil dusk at 0, 0");
    expect(solar("solar_noon", 0, 0).describe()).toBe("solar noon at 0, 0");
  });

  it("carries all that moves it into JSON", () => {
    expect(solar("sunset", 1.5, -2, { offset: "-15m" }).toJSON()).toEqual({
      kind: "solar",
      event: "sunset",
      latitude: 1.5,
      longitude: -2,
      offsetMs: -900_000,
    });
    expect(solar("sunset", 1.5, -2, { offset: 0 }).toJSON()).toEqual(solar("sunset", 1.5, -2).toJSON());
  });
});

describe("a solar schedule near the poles", () => {
  it("waits through Longyearbyen's polar night for the real sunrise", () => {
    expect(nextDays("sunrise", LONGYEARBYEN, "2025-11-15T00:00Z", 2)).toEqual(["2026-02-15", "2026-02-16"]);
    expect(nextDays("sunset", LONGYEARBYEN, "2025-11-15T00:00Z")).toEqual(["2026-02-15"]);
  });

  it("waits through Longyearbyen's midnight sun for the real sunset", () => {
    expect(nextDays("sunset", LONGYEARBYEN, "2026-05-01T00:00Z")).toEqual(["2026-08-24"]);
  });

  it("knows Tromsø's polar night and midnight sun", () => {
    expect(nextDays("sunrise", TROMSO, "2025-12-01T00:00Z")).toEqual(["2026-01-15"]);
    expect(nextDays("sunset", TROMSO, "2026-06-01T00:00Z")).toEqual(["2026-07-25"]);
  });

  it("knows McMurdo's, with the seasons turned round", () => {
    expect(nextDays("sunrise", MCMURDO, "2026-06-01T00:00Z")).toEqual(["2026-08-19"]);
    expect(nextDays("sunset", MCMURDO, "2025-12-01T00:00Z")).toEqual(["2026-02-19"]);
  });

  it("has solar noon every day, dark or not", () => {
    expect(countIn2026("solar_noon", LONGYEARBYEN)).toBe(365);
    expect(countIn2026("solar_noon", [90, 0])).toBe(365);
  });

  it("sees every sunset of an arctic year answered by a sunrise", () => {
    const rises = countIn2026("sunrise", TROMSO);
    expect(Math.abs(rises - countIn2026("sunset", TROMSO))).toBeLessThanOrEqual(1);
    expect(rises).toBeLessThan(265);
  });

  it.each([
    ["sunrise", 90, "03-18"],
    ["sunset", 90, "09-25"],
    ["dusk_astronomical", 90, "11-13"],
    ["dawn_civil", 90, "03-05"],
    ["sunrise", -90, "09-20"],
    ["sunset", -90, "03-22"],
  ] as const)("has one %s a year at latitude %d", (event, latitude, day) => {
    expect(nextDays(event, [latitude, 0], "2026-01-01T00:00Z", 2)).toEqual([
      `2026-${day}`,
      expect.stringMatching(/^2027-/),
    ]);
  });

  it("crosses from many days a year to one without a break on the last degree", () => {
    const sky = skyOver({ latitude: 89.95, longitude: 30 });
    for (const at of nextTimes("sunrise", [89.95, 30], "2026-01-01T00:00Z", 4)) {
      expect(sky.upperLimb(at)).toBeGreaterThanOrEqual(-34 / 60);
      expect(sky.upperLimb(at - 1000)).toBeLessThan(-34 / 60);
    }
  });
});

describe("a solar schedule on the date line", () => {
  it.each([180, -180, 179.9, -179.9])("neither loses nor repeats a day at longitude %d", (longitude) => {
    for (const event of solarEvents) expect([event, countIn2026(event, [-16.8, longitude])]).toEqual([event, 365]);
  });

  it("is the same place on either side of the line", () => {
    const after = Date.UTC(2026, 5, 1);
    for (const event of solarEvents) {
      expect(solar(event, -16.8, 180).next(after)).toBe(solar(event, -16.8, -180).next(after));
    }
  });

  it("comes 48 seconds later a fifth of a degree west", () => {
    const after = Date.UTC(2026, 5, 1, 12);
    const [east, west] = [-179.9, 179.9].map((longitude) => solar("solar_noon", 0, longitude).next(after) ?? 0);
    expect(Math.abs((west ?? 0) - (east ?? 0) - 48_000)).toBeLessThanOrEqual(1000);
  });
});

describe("any solar schedule", () => {
  const anySchedule = fc
    .tuple(
      fc.constantFrom(...solarEvents),
      fc.double({ min: -90, max: 90, noNaN: true }),
      fc.double({ min: -180, max: 180, noNaN: true }),
      fc.integer({ min: -100_000, max: 100_000 }),
    )
    .map(([event, latitude, longitude, offset]) => solar(event, latitude, longitude, { offset }));
  const anyInstant = fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) });

  it("comes strictly after, and within a year and a week", () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, (schedule, after) => {
        const at = schedule.next(after);
        expect(at).not.toBeNull();
        expect(at).toBeGreaterThan(after);
        expect(at).toBeLessThan(after + 373 * DAY);
      }),
    );
  });

  it("leaves most of a day between one occurrence and the next below the polar circles", () => {
    const anyTemperate = fc.tuple(
      fc.constantFrom(...solarEvents),
      fc.double({ min: -65, max: 65, noNaN: true }),
      fc.double({ min: -180, max: 180, noNaN: true }),
    );
    fc.assert(
      fc.property(anyTemperate, anyInstant, ([event, latitude, longitude], after) => {
        const schedule = solar(event, latitude, longitude);
        const first = schedule.next(after) ?? 0;
        expect((schedule.next(first) ?? 0) - first).toBeGreaterThan(22 * HOUR);
      }),
    );
  });

  it("gives the same next from anywhere in between", () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, fc.double({ min: 0, max: 1, noNaN: true }), (schedule, after, share) => {
        const at = schedule.next(after) ?? 0;
        const between = Math.min(at - 1, Math.floor(after + share * (at - after)));
        expect(schedule.next(between)).toBe(at);
        expect(schedule.next(at - 1)).toBe(at);
      }),
    );
  });

  it("never goes back when the question moves on", () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, fc.integer({ min: 0, max: 400 * DAY }), (schedule, after, laterMs) => {
        expect(schedule.next(after + laterMs)).toBeGreaterThanOrEqual(schedule.next(after) ?? 0);
      }),
    );
  });
});

describe("a mistaken solar schedule", () => {
  const NORTH_FIRST = "degrees north of the equator, south is negative; latitude comes first, then longitude";
  const EAST = "degrees east of Greenwich, west is negative";

  const build = (event: string, latitude: unknown, longitude: unknown, offset?: string): (() => unknown) => {
    return () => solar(event, latitude as number, longitude as number, { offset });
  };

  it("is told the event that was meant", () => {
    expect(build("sunrize", 0, 0)).toThrow(
      expect.objectContaining({
        code: "schedule",
        message: 'no solar event is called "sunrize"',
        hint: "did you mean sunrise?",
      }),
    );
    expect(build("solarNoon", 0, 0)).toThrow(expect.objectContaining({ hint: "did you mean solar_noon?" }));
  });

  it("is told all the events when none is near", () => {
    expect(build("midnight", 0, 0)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/^one of dawn_astronomical, .*, dusk_astronomical$/) }),
    );
    expect(build("toString", 0, 0)).toThrow(expect.objectContaining({ code: "schedule" }));
  });

  it.each([
    [90.1, 0, "latitude must be a number from -90 to 90: 90.1", NORTH_FIRST],
    [121.5, 25, "latitude must be a number from -90 to 90: 121.5", NORTH_FIRST],
    [Number.NaN, 0, "latitude must be a number from -90 to 90: NaN", NORTH_FIRST],
    ["25", 0, 'latitude must be a number from -90 to 90: "25"', NORTH_FIRST],
    [0, -180.5, "longitude must be a number from -180 to 180: -180.5", EAST],
    [0, undefined, "longitude must be a number from -180 to 180: undefined", EAST],
  ])("is told the range for %s, %s", (latitude, longitude, message, hint) => {
    expect(build("sunset", latitude, longitude)).toThrow(expect.objectContaining({ code: "schedule", message, hint }));
  });

  it("is told of an offset that cannot be read", () => {
    expect(build("sunset", 0, 0, "soon")).toThrow(expect.objectContaining({ code: "schedule" }));
  });
});
