import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crontab } from "../../src/schedule/crontab.ts";
import { every } from "../../src/schedule/interval.ts";
import { limit } from "../../src/schedule/limits.ts";
import type { Exclusion, Limits } from "../../src/schedule/limits.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";

const at = (text: string): number => Date.parse(text);
const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());

function run(schedule: Schedule, after: string, count: number): readonly (string | null)[] {
  const times: (string | null)[] = [];
  let instant: number | null = at(after);
  while (times.length < count && instant !== null) {
    instant = schedule.next(instant);
    times.push(iso(instant));
  }
  return times;
}

const hourly = crontab("0 * * * *", { timezone: "UTC" });
const limited = (schedule: Schedule, limits: Partial<Limits>): Schedule =>
  limit(schedule, { timezone: "UTC", ...limits });

describe("start and end", () => {
  it("include the instants themselves", () => {
    const schedule = limited(hourly, { startAt: at("2026-01-01T05:00Z"), endAt: at("2026-01-01T07:00Z") });
    expect(run(schedule, "2025-01-01T00:00Z", 9)).toEqual([
      "2026-01-01T05:00:00.000Z",
      "2026-01-01T06:00:00.000Z",
      "2026-01-01T07:00:00.000Z",
      null,
    ]);
  });

  it("leave the schedule itself alone where there are none", () => {
    expect(limited(hourly, { exclude: [] })).toBe(hourly);
  });
});

describe("excluded days", () => {
  it("are those of the zone, from its midnight to its next", () => {
    const exclude = [{ from: "2026-12-24", to: "2026-12-26" }];
    const schedule = limited(hourly, { exclude, timezone: "Asia/Taipei" });
    expect(run(schedule, "2026-12-23T14:00Z", 2)).toEqual(["2026-12-23T15:00:00.000Z", "2026-12-26T16:00:00.000Z"]);
  });

  it("end where the next day begins, even when its midnight does not exist", () => {
    const minutely = crontab("* * * * *", { timezone: "Africa/Cairo" });
    const schedule = limited(minutely, {
      exclude: [{ from: "2026-04-23", to: "2026-04-23" }],
      timezone: "Africa/Cairo",
    });
    // On 24 April 2026 the clock in Cairo goes from 00:00 to 01:00.
    expect(run(schedule, "2026-04-22T21:58Z", 2)).toEqual(["2026-04-22T21:59:00.000Z", "2026-04-23T22:00:00.000Z"]);
  });

  it("are jumped over, not stepped through", () => {
    let steps = 0;
    const counting: Schedule = {
      next: (after) => {
        steps += 1;
        return Math.floor(after / 1000) * 1000 + 1000;
      },
      describe: () => "every second",
      toJSON: () => ({ kind: "counting" }),
    };
    const schedule = limited(counting, { exclude: [{ from: "2026-01-01", to: "2035-12-31" }] });
    expect(run(schedule, "2026-01-01T00:00Z", 1)).toEqual(["2036-01-01T00:00:00.000Z"]);
    expect(steps).toBe(2);
  });
});

describe("an excluded crontab", () => {
  it("takes out the minutes that match", () => {
    const schedule = limited(every(20, { anchor: 0 }), { exclude: [{ crontab: "1 * * * *" }] });
    expect(run(schedule, "2026-01-01T00:00:20Z", 3)).toEqual([
      "2026-01-01T00:00:40.000Z",
      "2026-01-01T00:02:00.000Z",
      "2026-01-01T00:02:20.000Z",
    ]);
  });

  it("with six fields takes out seconds", () => {
    const schedule = limited(every(20, { anchor: 0 }), { exclude: [{ crontab: "20 1 * * * *" }] });
    expect(run(schedule, "2026-01-01T00:00:40Z", 2)).toEqual(["2026-01-01T00:01:00.000Z", "2026-01-01T00:01:40.000Z"]);
  });

  it("reads its fields on the wall clock of the zone", () => {
    const schedule = limited(hourly, { exclude: [{ crontab: { hour: "0-6,20-23" } }], timezone: "Asia/Kathmandu" });
    expect(run(schedule, "2026-01-01T13:00Z", 2)).toEqual(["2026-01-01T14:00:00.000Z", "2026-01-02T02:00:00.000Z"]);
  });

  it("is a label: a time moved out of a gap is not excluded by the label it came from", () => {
    const daily = crontab("30 2 * * *", { timezone: "Europe/Oslo" });
    const schedule = limited(daily, { exclude: [{ crontab: "30 2 * * *" }], timezone: "Europe/Oslo" });
    expect(run(schedule, "2026-03-01T00:00Z", 1)).toEqual(["2026-03-29T01:00:00.000Z"]);
  });

  it("may leave one month of a year to a schedule of seconds, and is soon done with it", () => {
    const schedule = limited(every(1, { anchor: 0 }), { exclude: [{ crontab: "* * * 1-11 *" }] });
    expect(run(schedule, "2026-01-01T00:00Z", 1)).toEqual(["2026-12-01T00:00:00.000Z"]);
  });

  it("that excludes everything ends the search with nothing", () => {
    expect(limited(every(1, { anchor: 0 }), { exclude: [{ crontab: "* * * * *" }] }).next(0)).toBeNull();
    expect(limited(every(1, { anchor: 0 }), { exclude: [{ crontab: "0-59 * * * *" }] }).next(0)).toBeNull();
  });
});

describe("a limited schedule", () => {
  it("passes what it is bound to on, and keeps its limits", () => {
    const anchorAt = at("2026-01-01T00:00:03Z");
    const schedule = limited(every(10), { startAt: at("2026-01-01T00:01Z") }).bind?.({ anchorAt });
    expect(run(schedule!, "2026-01-01T00:00Z", 2)).toEqual(["2026-01-01T00:01:03.000Z", "2026-01-01T00:01:13.000Z"]);
  });

  it("says in words and in JSON what it is", () => {
    const limits = {
      startAt: at("2026-01-01T00:00Z"),
      exclude: [{ from: "2026-12-25", to: "2026-12-25" }, { crontab: "* 0-6 * * *" }],
    };
    const schedule = limited(hourly, limits);
    expect(schedule.describe()).toBe(
      "0 * * * * (UTC), from 2026-01-01 00:00:00, except 2026-12-25 and * 0-6 * * * (UTC)",
    );
    expect(JSON.parse(JSON.stringify(schedule))).toEqual({
      kind: "limited",
      schedule: JSON.parse(JSON.stringify(hourly)),
      startAt: "2026-01-01T00:00:00.000Z",
      exclude: limits.exclude,
      timezone: "UTC",
    });
  });

  it("gives what filtering the schedule step by step gives", () => {
    const zones = fc.constantFrom("UTC", "Europe/Oslo", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana");
    const expression = fc.constantFrom("*/7 * * * *", "0 * * * *", "30 2 * * *", "5,35 0-3,23 * * *");
    const excluded = fc.constantFrom("* 2 * * *", "30 * * * *", "* 0-5 * * sun", "15-45 */3 * * *", "* * 28-31 * *");
    const day = fc
      .integer({ min: 0, max: 59 })
      .map((days) => new Date(Date.UTC(2026, 2, 1 + days)).toISOString().slice(0, 10));
    const exclusion: fc.Arbitrary<Exclusion> = fc.oneof(
      excluded.map((text) => ({ crontab: text })),
      fc.tuple(day, day).map((days) => ({ from: days.toSorted()[0]!, to: days.toSorted()[1]! })),
    );
    fc.assert(
      fc.property(zones, expression, fc.array(exclusion, { minLength: 1, maxLength: 3 }), (timezone, text, exclude) => {
        const schedule = crontab(text, { timezone, dst: "wall" });
        const bounds = { startAt: at("2026-03-02T00:00Z"), endAt: at("2026-04-05T00:00Z") };
        const tests = exclude.map((one) => exclusionTest(one, timezone));
        const all = timesOf(schedule, bounds.startAt - 1).filter((next) => next <= bounds.endAt);
        const expected = all.filter((next) => !tests.some((isExcluded) => isExcluded(next)));
        const found = timesOf(limit(schedule, { ...bounds, exclude, timezone }), 0);
        expect(found.map(iso)).toEqual(expected.map(iso));
      }),
      { numRuns: 60 },
    );
  });
});

/** All times up to well after the test's end. */
function timesOf(schedule: Schedule, after: number): readonly number[] {
  const times: number[] = [];
  let next = schedule.next(after);
  while (next !== null && next <= at("2026-04-10T00:00Z")) {
    times.push(next);
    next = schedule.next(next);
  }
  return times;
}

/** By the letter, with the wall clock read from Intl. */
function exclusionTest(exclusion: Exclusion, timezone: string): (instant: number) => boolean {
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short", timeStyle: "short" });
  if ("from" in exclusion) {
    return (instant) => {
      const date = clock.format(instant).slice(0, 10);
      return date >= exclusion.from && date <= exclusion.to;
    };
  }
  const excluded = crontab(exclusion.crontab, { timezone: "UTC" });
  return (instant) => {
    const label = Date.parse(`${clock.format(instant).replace(" ", "T")}:00Z`);
    return excluded.next(label - 1) === label;
  };
}
