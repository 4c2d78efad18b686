import { describe, expect, it } from "vitest";
import { LovageError } from "../../src/error.ts";
import { parseField } from "../../src/schedule/crontab-field.ts";
import type { FieldName } from "../../src/schedule/crontab-field.ts";

const values = (name: FieldName, text: string, key = ""): readonly number[] => parseField(name, text, key).values;
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("a field in Celery's syntax", () => {
  const cases: readonly (readonly [FieldName, string, readonly number[]])[] = [
    ["minute", "*", range(0, 59)],
    ["minute", "*/15", [0, 15, 30, 45]],
    ["minute", "1,13,30-32,50-59/4", [1, 13, 30, 31, 32, 50, 54, 58]],
    ["minute", "50-10/7", [4, 50, 57]],
    ["hour", "22-2", [0, 1, 2, 22, 23]],
    ["dayOfMonth", "*/10", [1, 11, 21, 31]],
    ["monthOfYear", "nov-feb", [1, 2, 11, 12]],
    ["monthOfYear", "January,6", [1, 6]],
    ["dayOfWeek", "fri-mon", [0, 1, 5, 6]],
    ["dayOfWeek", "monday,WED", [1, 3]],
    ["dayOfWeek", "1-3,2-4", [1, 2, 3, 4]],
  ];
  for (const [name, text, expected] of cases) {
    it(`expands ${name} ${text}`, () => expect(values(name, text)).toEqual(expected));
  }

  it("takes 7 for Sunday, alone and in ranges", () => {
    expect(values("dayOfWeek", "7")).toEqual([0]);
    expect(values("dayOfWeek", "5-7")).toEqual([0, 5, 6]);
    expect(values("dayOfWeek", "0-7")).toEqual(range(0, 6));
    expect(values("dayOfWeek", "7-2")).toEqual([0, 1, 2]);
    expect(values("dayOfWeek", "1-7/2")).toEqual([0, 1, 3, 5]);
  });
});

describe("a field beyond Celery's syntax", () => {
  it("reads L, nL and n#m, in lists too", () => {
    expect(parseField("dayOfMonth", "1,L", "")).toMatchObject({ values: [1], last: [0], canonical: "1,L" });
    expect(parseField("dayOfWeek", "5L,1#2,monday#2", "")).toMatchObject({
      last: [5],
      nth: [[1, 2]],
      canonical: "5L,1#2",
    });
    expect(parseField("dayOfWeek", "friL", "")).toMatchObject({ values: [], last: [5] });
    expect(parseField("dayOfWeek", "7#5,7L", "")).toMatchObject({ last: [0], nth: [[0, 5]] });
  });

  it("draws H from the key and the field, always alike", () => {
    const first = values("minute", "H", "backup");
    expect(first).toEqual(values("minute", "H", "backup"));
    const keys = Array.from({ length: 600 }, (_, index) => `entry ${index}`);
    const drawn = new Set(keys.flatMap((key) => values("minute", "H", key)));
    expect(drawn.size).toBe(60);
    expect(keys.some((key) => values("minute", "H(0-22)", key)[0] !== values("hour", "H(0-22)", key)[0])).toBe(true);
  });

  it("keeps H within its range, its step, and the days that every month has", () => {
    for (const key of Array.from({ length: 300 }, (_, index) => `entry ${index}`)) {
      const [within = -1] = values("minute", "H(10-19)", key);
      expect(within >= 10 && within <= 19).toBe(true);
      const stepped = values("minute", "H/15", key);
      expect(stepped).toEqual([0, 15, 30, 45].map((value) => value + (stepped[0] ?? 0)));
      expect(stepped[0]).toBeLessThan(15);
      expect(values("minute", "H(0-29)/10", key).length).toBe(3);
      expect(values("dayOfMonth", "H", key)[0]).toBeLessThanOrEqual(28);
      expect(values("dayOfMonth", "H", key)[0]).toBeGreaterThanOrEqual(1);
      expect(values("hour", "H/100", key).length).toBe(1);
    }
  });
});

describe("a field's canonical form", () => {
  it("is the same for the same values", () => {
    const canonical = (name: FieldName, text: string): string => parseField(name, text, "").canonical;
    expect(canonical("minute", "*/15")).toBe("0,15,30,45");
    expect(canonical("minute", "45,30,0,15,15")).toBe("0,15,30,45");
    expect(canonical("minute", "0-59")).toBe("*");
    expect(canonical("dayOfWeek", "mon-fri")).toBe("1-5");
    expect(canonical("hour", "1,2,5,7-9")).toBe("1-2,5,7-9");
  });

  it("knows whether it was written as a wildcard", () => {
    const wildcard = (text: string): boolean => parseField("minute", text, "").wildcard;
    expect(["*", "*/15", "*,5"].map(wildcard)).toEqual([true, true, true]);
    expect(["0-59", "0,*/15", "H/15"].map(wildcard)).toEqual([false, false, false]);
  });
});

describe("a field that cannot be read", () => {
  const cases: readonly (readonly [FieldName, string, string, string?])[] = [
    ["hour", "24", "hour: 24 is out of range (0-23)"],
    ["hour", "20-24", 'hour: 24 is out of range (0-23) in "20-24"'],
    ["dayOfMonth", "0", "day_of_month: 0 is out of range (1-31)"],
    ["dayOfWeek", "8", "day_of_week: 8 is out of range (0-7)"],
    ["monthOfYear", "1,13", 'month_of_year: 13 is out of range (1-12) in "1,13"'],
    ["monthOfYear", "sun", "month_of_year: 0 is out of range (1-12)"],
    ["minute", "5/10", 'minute: "5/10" is neither a number nor a name (0-59)', "write 5-59/10"],
    ["minute", "-1", "minute: -1 is out of range (0-59)"],
    ["minute", "1,,2", 'minute: an empty part in "1,,2"', "write * for every value"],
    ["minute", "", 'minute: an empty part in ""', "write * for every value"],
    ["minute", "*/0", 'minute: a step must be at least 1 in "*/0"', "write a whole number, as in */5"],
    ["minute", "*/", 'minute: a / without its step in "*/"', "write a whole number after it, as in */5"],
    ["minute", "*/5x", 'minute: step 5x is not a number in "*/5x"', "write a whole number, as in */5"],
    ["minute", "1 - 3", 'minute: "1 - 3" is neither a number nor a name (0-59)', "write it without spaces"],
    ["dayOfWeek", "foo", 'day_of_week: "foo" is neither a number nor a name (0-6)'],
    ["dayOfWeek", "?", 'day_of_week: "?" is neither a number nor a name (0-6)', "write *"],
    [
      "dayOfWeek",
      "L",
      'day_of_week: "L" is neither a number nor a name (0-6)',
      "name the weekday: 5L is the last Friday",
    ],
    ["dayOfWeek", "mon#6", 'day_of_week: mon#6 is not weekday#n, n 1-5 in "mon#6"'],
    ["dayOfWeek", "mon-wed#2", 'day_of_week: mon-wed#2 is not weekday#n, n 1-5 in "mon-wed#2"'],
    [
      "dayOfMonth",
      "15W",
      'day_of_month: "15W" is neither a number nor a name (1-31)',
      "W (the nearest weekday) is not supported",
    ],
    [
      "hour",
      "L",
      'hour: "L" is neither a number nor a name (0-23)',
      "L is for the last day of the month, nL for a weekday's last",
    ],
    ["hour", "H(3-30)", 'hour: 3-30 is out of range (0-23) in "H(3-30)"'],
    ["hour", "H(9-3)", 'hour: 9-3 is out of range (0-23) in "H(9-3)"'],
    ["hour", "H/0", 'hour: a step must be at least 1 in "H/0"'],
    ["hour", "Hx", 'hour: "Hx" is not a hash in "Hx"', "write H, H(0-29), H/15 or H(0-29)/10"],
  ];
  for (const [name, text, message, hint] of cases) {
    it(`says so: ${name} ${JSON.stringify(text)}`, () => {
      try {
        parseField(name, text, "");
      } catch (error) {
        expect(error).toBeInstanceOf(LovageError);
        expect((error as LovageError).message).toBe(message);
        if (hint !== undefined) expect((error as LovageError).hint).toBe(hint);
        return;
      }
      throw new Error("it was accepted");
    });
  }
});
