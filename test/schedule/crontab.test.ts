import { Cron } from "croner";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crontab } from "../../src/schedule/crontab.ts";
import type { CrontabFields } from "../../src/schedule/crontab-text.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";

const at = (text: string): number => Date.parse(text);
const DAY_MS = 86_400_000;

function next(schedule: Schedule, after: string, count = 1): string[] {
  const found: string[] = [];
  let instant: number | null = at(after);
  for (let index = 0; index < count; index += 1) {
    instant = schedule.next(instant);
    if (instant === null) break;
    found.push(new Date(instant).toISOString().replace(":00.000Z", "Z"));
  }
  return found;
}

describe("writing a crontab", () => {
  it("takes five fields in crontab order, and six with seconds first", () => {
    expect(next(crontab("30 7 * * mon"), "2025-06-04T00:00Z", 2)).toEqual(["2025-06-09T07:30Z", "2025-06-16T07:30Z"]);
    expect(next(crontab("*/20 30 7 1 6 *"), "2025-06-01T07:30Z", 3)).toEqual([
      "2025-06-01T07:30:20.000Z",
      "2025-06-01T07:30:40.000Z",
      "2026-06-01T07:30Z",
    ]);
    expect(next(crontab("  0\t0 1  1 * "), "2025-06-01T07:30Z")).toEqual(["2026-01-01T00:00Z"]);
  });

  it("takes Celery's fields in either spelling, as numbers, text and lists", () => {
    const expected = ["2025-06-09T07:30Z", "2025-06-09T07:45Z", "2025-06-11T07:30Z"];
    const same: readonly CrontabFields[] = [
      { minute: [30, 45], hour: 7, dayOfWeek: "mon,wed" },
      { minute: "30,45", hour: "7", day_of_week: ["mon", 3] },
      {
        minute: new Set([45, 30]),
        hour: [7],
        day_of_week: [1, "wednesday"],
        day_of_month: "*",
        month_of_year: undefined,
      },
    ];
    for (const fields of same) expect(next(crontab(fields), "2025-06-05T00:00Z", 3)).toEqual(expected);
    expect(next(crontab({}), "2025-06-05T00:00Z", 2)).toEqual(["2025-06-05T00:01Z", "2025-06-05T00:02Z"]);
  });

  it("takes nicknames", () => {
    const first = (nickname: string): string => next(crontab(nickname), "2025-06-04T10:20Z")[0] ?? "";
    expect(first("@hourly")).toBe("2025-06-04T11:00Z");
    expect(first("@daily")).toBe("2025-06-05T00:00Z");
    expect(first("@midnight")).toBe("2025-06-05T00:00Z");
    expect(first("@weekly")).toBe("2025-06-08T00:00Z");
    expect(first("@monthly")).toBe("2025-07-01T00:00Z");
    expect(first("@yearly")).toBe("2026-01-01T00:00Z");
    expect(first("@annually")).toBe("2026-01-01T00:00Z");
  });

  const wrong: readonly (readonly [unknown, string])[] = [
    ["* * * *", 'a crontab has five fields, this has 4: "* * * *"'],
    ["", 'a crontab has five fields, this has 0: ""'],
    ["* * * * * * *", "this has 7"],
    ["@dayly", 'unknown crontab nickname "@dayly"'],
    ["@reboot", 'unknown crontab nickname "@reboot"'],
    ["0 24 * * *", "hour: 24 is out of range (0-23)"],
    [{ minutes: 5 }, 'unknown crontab field "minutes"'],
    [{ dayOfWeek: 1, day_of_week: 1 }, "day_of_week is given twice"],
    [{ minute: [] }, "minute: an empty list never fires"],
    [{ minute: 1.5 }, "minute: 1.5 is not a whole number or text (0-59)"],
    [{ minute: -1 }, "minute: -1 is out of range (0-59)"],
    [{ minute: null }, "minute: null is not a whole number or text (0-59)"],
    [{ hour: 24 }, "hour: 24 is out of range (0-23)"],
    [{ hour: [1, 24] }, 'hour: 24 is out of range (0-23) in "1,24"'],
    [5, "5 is not a crontab"],
    [null, "null is not a crontab"],
    [[1, 2], "[1,2] is not a crontab"],
  ];
  for (const [fields, message] of wrong) {
    it(`refuses ${JSON.stringify(fields)}`, () => expect(() => crontab(fields as string)).toThrow(message));
  }

  it("refuses a zone or a day match it does not know", () => {
    expect(() => crontab("* * * * *", { timezone: "Mars/Base" })).toThrow('unknown time zone "Mars/Base"');
    expect(() => crontab("* * * * *", { dayMatch: "xor" as "or" })).toThrow(
      'day_match: "xor" is neither "and" nor "or"',
    );
  });
});

describe("a crontab that can never fire", () => {
  for (const fields of [
    "0 0 31 2 *",
    "0 0 30 2 *",
    "0 0 31 4,6,9,11 *",
    "0 0 8 * mon#1",
    "0 0 1 * 1L",
    "0 0 31 2 mon",
  ]) {
    it(`is refused: ${fields}`, () => expect(() => crontab(fields)).toThrow("this crontab can never fire"));
  }

  it("is told apart from a rare one", () => {
    expect(next(crontab("0 0 29 2 *"), "2025-06-01T00:00Z")).toEqual(["2028-02-29T00:00Z"]);
    expect(next(crontab("0 0 29 2 mon"), "2073-01-01T00:00Z", 2)).toEqual(["2112-02-29T00:00Z", "2140-02-29T00:00Z"]);
    expect(next(crontab("0 0 29 2 mon", { timezone: "America/New_York" }), "2073-01-01T00:00Z")).toEqual([
      "2112-02-29T05:00Z",
    ]);
    expect(next(crontab("0 0 29 2 *"), "2097-01-01T00:00Z")).toEqual(["2104-02-29T00:00Z"]);
    expect(next(crontab("0 0 31 * *"), "2025-04-01T00:00Z", 2)).toEqual(["2025-05-31T00:00Z", "2025-07-31T00:00Z"]);
    expect(next(crontab("0 0 29 2 0#5"), "2025-06-01T00:00Z")).toEqual(["2032-02-29T00:00Z"]);
    expect(next(crontab("0 0 31 2 mon", { dayMatch: "or" }), "2025-06-01T00:00Z")).toEqual(["2026-02-02T00:00Z"]);
  });
});

describe("day fields", () => {
  it("must both match, as in Celery", () => {
    expect(next(crontab("0 0 13 * fri"), "2025-06-01T00:00Z", 2)).toEqual(["2025-06-13T00:00Z", "2026-02-13T00:00Z"]);
  });

  it("or either, as in POSIX, when both are restricted", () => {
    const either = { dayMatch: "or" } as const;
    expect(next(crontab("0 0 13 * fri", either), "2025-06-08T00:00Z", 2)).toEqual([
      "2025-06-13T00:00Z",
      "2025-06-20T00:00Z",
    ]);
    expect(next(crontab("0 0 1 * *", either), "2025-06-08T00:00Z")).toEqual(["2025-07-01T00:00Z"]);
    expect(next(crontab("0 0 */2 * fri", either), "2025-06-08T00:00Z")).toEqual(["2025-06-13T00:00Z"]);
    expect(next(crontab("0 0 13 * fri").bind(either), "2025-06-14T00:00Z")).toEqual(["2025-06-20T00:00Z"]);
    expect(next(crontab("0 0 13 * fri", { dayMatch: "and" }).bind(either), "2025-06-14T00:00Z")).toEqual([
      "2026-02-13T00:00Z",
    ]);
  });

  it("know the last day, the last of a weekday and its nth", () => {
    expect(next(crontab("0 0 L * *"), "2024-01-31T12:00Z", 2)).toEqual(["2024-02-29T00:00Z", "2024-03-31T00:00Z"]);
    expect(next(crontab("0 0 * * 5L"), "2025-06-01T00:00Z", 2)).toEqual(["2025-06-27T00:00Z", "2025-07-25T00:00Z"]);
    expect(next(crontab("0 0 * * 1#2,friL"), "2025-06-01T00:00Z", 3)).toEqual([
      "2025-06-09T00:00Z",
      "2025-06-27T00:00Z",
      "2025-07-14T00:00Z",
    ]);
    expect(next(crontab("0 0 * * 0#5"), "2025-06-01T00:00Z", 2)).toEqual(["2025-06-29T00:00Z", "2025-08-31T00:00Z"]);
  });

  it("allow the days that a walk over the calendar allows", () => {
    const days = fc.oneof(
      fc.constant({ text: "*", fits: () => true }),
      fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { minLength: 1, maxLength: 4 }).map((list) => ({
        text: list.join(","),
        fits: (date: Date) => list.includes(date.getUTCDate()),
      })),
      fc.constant({ text: "L", fits: (date: Date) => new Date(date.getTime() + DAY_MS).getUTCDate() === 1 }),
    );
    const weekdays = fc.oneof(
      fc.constant({ text: "*", fits: () => true }),
      fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 3 }).map((list) => ({
        text: list.join(","),
        fits: (date: Date) => list.includes(date.getUTCDay()),
      })),
      fc.nat(6).map((day) => ({
        text: `${day}L`,
        fits: (date: Date) =>
          date.getUTCDay() === day && new Date(date.getTime() + 7 * DAY_MS).getUTCMonth() !== date.getUTCMonth(),
      })),
      fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 5 })).map(([day, nth]) => ({
        text: `${day}#${nth}`,
        fits: (date: Date) => date.getUTCDay() === day && Math.ceil(date.getUTCDate() / 7) === nth,
      })),
    );
    const months = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
    const starts = fc.integer({ min: at("1890-01-01") / DAY_MS, max: at("2130-01-01") / DAY_MS });
    fc.assert(
      fc.property(
        days,
        weekdays,
        months,
        fc.record({ start: starts, dayMatch: fc.constantFrom("and", "or") }),
        (day, weekday, month, { start, dayMatch }) => {
          const either = dayMatch === "or" && day.text !== "*" && weekday.text !== "*";
          const expected: number[] = [];
          for (let offset = 1; offset <= 800; offset += 1) {
            const date = new Date((start + offset) * DAY_MS);
            if (!month.includes(date.getUTCMonth() + 1)) continue;
            const fits = either ? day.fits(date) || weekday.fits(date) : day.fits(date) && weekday.fits(date);
            if (fits) expected.push(date.getTime());
          }
          const text = `0 0 ${day.text} ${month.join(",")} ${weekday.text}`;
          const found = occurrencesOf(text, dayMatch, [start * DAY_MS, (start + 800) * DAY_MS]);
          expect({ text, found: found ?? [] }).toEqual({ text, found: expected });
        },
      ),
      { numRuns: 300 },
    );
  });

  function occurrencesOf(text: string, dayMatch: "and" | "or", [from, to]: readonly [number, number]): number[] | null {
    let schedule: Schedule;
    try {
      schedule = crontab(text, { dayMatch });
    } catch {
      return null;
    }
    const found: number[] = [];
    for (let instant = schedule.next(from); instant !== null && instant <= to; instant = schedule.next(instant)) {
      found.push(instant);
    }
    return found;
  }
});

describe("beside croner", () => {
  it("finds the same occurrences where both fields must match", () => {
    const list = (min: number, max: number) =>
      fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => values.join(","));
    const or = (field: fc.Arbitrary<string>, max: number) =>
      fc.oneof(
        fc.constant("*"),
        field,
        fc.integer({ min: 2, max }).map((step) => `*/${step}`),
      );
    const fields = fc.tuple(
      or(list(0, 59), 59),
      or(list(0, 59), 59),
      or(list(0, 23), 23),
      fc.oneof(fc.constant("*"), list(1, 28)),
      or(list(1, 12), 12),
      fc.oneof(fc.constant("*"), list(0, 6)),
    );
    const zones = fc.constantFrom("UTC", "Asia/Taipei", "Asia/Kolkata", "Africa/Nairobi");
    fc.assert(
      fc.property(
        fields,
        zones,
        fc.integer({ min: at("2020-01-01") / 1000, max: at("2026-01-01") / 1000 }),
        (all, timezone, after) => {
          const text = all.join(" ");
          const schedule = crontab(text, { timezone });
          const other = new Cron(text, { timezone, domAndDow: true, paused: true });
          let instant = after * 1000;
          for (let count = 0; count < 4; count += 1) {
            const theirs = other.nextRun(new Date(instant));
            if (theirs === null) return;
            instant = schedule.next(instant)!;
            expect(`${text}: ${new Date(instant).toISOString()}`).toBe(`${text}: ${theirs.toISOString()}`);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("binding a crontab", () => {
  it("is in UTC until it is bound to a zone, and keeps its own", () => {
    const unbound = crontab("30 7 * * mon");
    expect(next(unbound, "2025-06-04T00:00Z")).toEqual(["2025-06-09T07:30Z"]);
    expect(next(unbound.bind({ timezone: "Asia/Taipei" }), "2025-06-04T00:00Z")).toEqual(["2025-06-08T23:30Z"]);
    const own = crontab("30 7 * * mon", { timezone: "Asia/Taipei" }).bind({ timezone: "Europe/London" });
    expect(next(own, "2025-06-04T00:00Z")).toEqual(["2025-06-08T23:30Z"]);
  });

  it("takes the entry's clock change policy unless it has one", () => {
    const context = { timezone: "America/New_York", dst: "wall" } as const;
    expect(next(crontab("30 2 * * *").bind(context), "2025-03-09T06:00Z")).toEqual(["2025-03-10T06:30Z"]);
    expect(next(crontab("30 2 * * *", { dst: "vixie" }).bind(context), "2025-03-09T06:00Z")).toEqual([
      "2025-03-09T07:00Z",
    ]);
  });

  it("draws H from the entry's name, and from nothing alike while there is none", () => {
    const spread = crontab("H H * * *");
    expect(next(spread, "2025-06-04T00:00Z")).toEqual(next(crontab("H H * * *"), "2025-06-04T00:00Z"));
    const times = Array.from(
      { length: 200 },
      (_, index) => next(spread.bind({ name: `entry ${index}` }), "2025-06-04T00:00Z")[0],
    );
    expect(new Set(times).size).toBeGreaterThan(150);
    const named = spread.bind({ name: "one" });
    expect(next(named.bind?.({ name: "other" }) ?? spread, "2025-06-04T00:00Z")).toEqual(
      next(named, "2025-06-04T00:00Z"),
    );
  });

  it("gives the same object when nothing changes", () => {
    const schedule = crontab("30 7 * * mon", { timezone: "UTC", dst: "vixie", dayMatch: "and" });
    expect(schedule.bind({ timezone: "Asia/Taipei", dst: "wall", dayMatch: "or", name: "x", anchorAt: 0 })).toBe(
      schedule,
    );
  });
});

describe("what a crontab says of itself", () => {
  it("is what was written, and the zone once it has one", () => {
    expect(crontab("30  7 * * mon").describe()).toBe("30 7 * * mon");
    expect(crontab("30 7 * * mon").bind({ timezone: "asia/taipei" }).describe()).toBe("30 7 * * mon (Asia/Taipei)");
    expect(crontab({ minute: 30, hour: [7, 8], dayOfWeek: "mon" }).describe()).toBe("30 7,8 * * mon");
    expect(crontab({ second: "*/5", minute: 30 }).describe()).toBe("*/5 30 * * * *");
    expect(crontab("@daily", { timezone: "UTC" }).describe()).toBe("@daily (UTC)");
  });

  const json = (schedule: Schedule): string => JSON.stringify(schedule.toJSON());

  it("is equal JSON for equal meaning", () => {
    expect(json(crontab("0,30 7 * * mon-fri"))).toBe(
      json(crontab({ hour: 7, minute: [30, 0], day_of_week: "1,2,3,4,5" })),
    );
    expect(json(crontab("@weekly"))).toBe(json(crontab("0 0 0 * * 7")));
    expect(json(crontab("0 7 * * *", { dst: "vixie" }))).toBe(json(crontab("0 7 * * *")));
    expect(json(crontab("0 7 * * *", { dst: { overlap: "first", gap: "next" } }))).toBe(json(crontab("0 7 * * *")));
    expect(json(crontab("0 7 1 * *", { dayMatch: "or" }))).toBe(json(crontab("0 7 1 * *")));
    expect(json(crontab("0 7 * * *", { timezone: "utc" }))).toBe(
      json(crontab("0 7 * * *").bind({ timezone: "UTC", name: "x" })),
    );
  });

  it("is other JSON for another meaning", () => {
    const base = json(crontab("0 7 1 * 1"));
    expect(json(crontab("0 8 1 * 1"))).not.toBe(base);
    expect(json(crontab("1 0 7 1 * 1"))).not.toBe(base);
    expect(json(crontab("0 7 1 * 1", { dayMatch: "or" }))).not.toBe(base);
    expect(json(crontab("0 7 1 * 1", { dst: "wall" }))).not.toBe(base);
    expect(json(crontab("0 7 1 * 1", { timezone: "Asia/Taipei" }))).not.toBe(base);
    expect(json(crontab("0-59 7 1 * 1"))).not.toBe(json(crontab("* 7 1 * 1")));
    expect(json(crontab("H 7 * * *").bind({ name: "a" }))).not.toBe(json(crontab("H 7 * * *").bind({ name: "b" })));
  });

  it("cannot be changed", () => {
    expect(Object.isFrozen(crontab("* * * * *"))).toBe(true);
  });
});

describe("the ends of time", () => {
  it("have no occurrence beyond them", () => {
    const schedule = crontab("* * * * *", { timezone: "America/New_York" });
    expect(schedule.next(8.64e15)).toBeNull();
    expect(schedule.next(Number.NaN)).toBeNull();
    expect(schedule.next(Infinity)).toBeNull();
    expect(crontab("* * * * *").next(8.64e15)).toBeNull();
    expect(crontab("0 0 1 1 *", { timezone: "America/New_York" }).next(8_639_999_000_000_000)).toBeNull();
    expect(schedule.next(-8.64e15)).toBeGreaterThan(-8.64e15);
  });

  it("lie after years to come and before years gone by", () => {
    const schedule = crontab("0 12 * * *", { timezone: "America/New_York" });
    expect(next(schedule, "1870-01-01T00:00Z")).toEqual(["1870-01-01T16:56:02.000Z"]);
    expect(next(schedule, "2500-07-01T00:00Z")).toEqual(["2500-07-01T16:00Z"]);
  });

  it("counts from within a second", () => {
    expect(crontab("* * * * * *").next(1500.5)).toBe(2000);
    expect(crontab("* * * * * *").next(-1500)).toBe(-1000);
    expect(crontab("* * * * *").next(59_999)).toBe(60_000);
    expect(crontab("* * * * *").next(60_000)).toBe(120_000);
  });
});
