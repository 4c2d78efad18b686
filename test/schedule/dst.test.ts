import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crontab } from "../../src/schedule/crontab.ts";
import { assertDst } from "../../src/schedule/dst.ts";
import type { DstPolicy } from "../../src/schedule/dst.ts";
import { zone } from "../../src/schedule/zone.ts";
import { occurrences } from "../helper/cron-oracle.ts";
import type { OracleFields, OracleRule } from "../helper/cron-oracle.ts";

const HOUR_MS = 3_600_000;

function runs(expression: string, timezone: string, span: readonly [string, string], dst?: DstPolicy): string[] {
  const schedule = crontab(expression, { timezone, dst });
  const found: string[] = [];
  let at = schedule.next(Date.parse(span[0]));
  while (at !== null && at <= Date.parse(span[1])) {
    found.push(new Date(at).toISOString().slice(5, 16));
    at = schedule.next(at);
  }
  return found;
}

interface Case {
  readonly zone: string;
  readonly span: readonly [string, string];
  readonly runs: Readonly<Record<string, readonly string[]>>;
  readonly dst?: DstPolicy;
}

/** Instants are UTC, without the year. The spans hold one clock change each, and are open at the start. */
const table: Readonly<Record<string, Case>> = {
  "New York loses 02:00-03:00": {
    zone: "America/New_York",
    span: ["2025-03-09T06:00Z", "2025-03-10T05:59Z"],
    runs: {
      "30 2 * * *": ["03-09T07:00"],
      "0,20,40 2 * * *": ["03-09T07:00"],
      "0 2,3 * * *": ["03-09T07:00"],
      "30 1,2,3 * * *": ["03-09T06:30", "03-09T07:00", "03-09T07:30", "03-10T05:30"],
      "*/20 2 * * *": [],
      "* 2 * * *": [],
      "0 */4 * * *": [...each("03-09", "08:00 12:00 16:00 20:00"), ...each("03-10", "00:00 04:00")],
      "0 9 9 3 *": ["03-09T13:00"],
    },
  },
  "New York repeats 01:00-02:00": {
    zone: "America/New_York",
    span: ["2025-11-02T04:59Z", "2025-11-02T08:00Z"],
    runs: {
      "30 1 * * *": ["11-02T05:30"],
      "0,30 1 * * *": ["11-02T05:00", "11-02T05:30"],
      "*/30 1 * * *": ["11-02T05:00", "11-02T05:30", "11-02T06:00", "11-02T06:30"],
      "15 * * * *": ["11-02T05:15", "11-02T06:15", "11-02T07:15"],
      "*/30 1-2 * * *": each("11-02", "05:00 05:30 06:00 06:30 07:00 07:30"),
      "0 1,2 * * *": ["11-02T05:00", "11-02T07:00"],
    },
  },
  "London loses 01:00-02:00": {
    zone: "Europe/London",
    span: ["2025-03-30T00:00Z", "2025-03-30T12:00Z"],
    runs: { "30 1 * * *": ["03-30T01:00"], "0 1 * * *": ["03-30T01:00"], "*/30 1 * * *": [] },
  },
  "London repeats 01:00-02:00": {
    zone: "Europe/London",
    span: ["2025-10-25T23:59Z", "2025-10-26T12:00Z"],
    runs: { "30 1 * * *": ["10-26T00:30"], "30 0-1 * * *": ["10-26T00:30"] },
  },
  "Lord Howe loses 02:00-02:30": {
    zone: "Australia/Lord_Howe",
    span: ["2025-10-04T14:59Z", "2025-10-04T18:00Z"],
    runs: {
      "15 2 * * *": ["10-04T15:30"],
      "45 2 * * *": ["10-04T15:45"],
      "0,15,30,45 2 * * *": ["10-04T15:30", "10-04T15:45"],
      "0 * * * *": ["10-04T16:00", "10-04T17:00", "10-04T18:00"],
    },
  },
  "Lord Howe repeats 01:30-02:00": {
    zone: "Australia/Lord_Howe",
    span: ["2025-04-05T13:59Z", "2025-04-05T16:59Z"],
    runs: {
      "45 1 * * *": ["04-05T14:45"],
      "0 * * * *": ["04-05T14:00", "04-05T15:30", "04-05T16:30"],
      "*/15 1 * * *": each("04-05", "14:00 14:15 14:30 14:45 15:00 15:15"),
    },
  },
  "Cairo loses midnight": {
    zone: "Africa/Cairo",
    span: ["2025-04-24T21:00Z", "2025-04-25T20:00Z"],
    runs: {
      "0 0 * * *": ["04-24T22:00"],
      "30 0 25 4 *": ["04-24T22:00"],
      "30 0 24 4 *": [],
      "0 */6 25 4 5": each("04-25", "03:00 09:00 15:00"),
    },
  },
  "Cairo repeats the hour before midnight": {
    zone: "Africa/Cairo",
    span: ["2025-10-30T19:00Z", "2025-10-31T12:00Z"],
    runs: {
      "30 23 * * *": ["10-30T20:30"],
      "30 23 31 10 *": [],
      "0 0 * * *": ["10-30T22:00"],
      "30 * 30 10 *": each("10-30", "19:30 20:30 21:30"),
    },
  },
  "Santiago loses midnight": {
    zone: "America/Santiago",
    span: ["2025-09-07T03:00Z", "2025-09-07T12:00Z"],
    runs: { "30 0 * * *": ["09-07T04:00"], "0 0 * * sun": ["09-07T04:00"], "59 23 * * *": ["09-07T03:59"] },
  },
  "Santiago repeats the hour before midnight": {
    zone: "America/Santiago",
    span: ["2025-04-06T01:00Z", "2025-04-06T12:00Z"],
    runs: {
      "30 23 * * sat": ["04-06T02:30"],
      "30 23 * * sun": [],
      "30 * 5 4 *": ["04-06T01:30", "04-06T02:30", "04-06T03:30"],
    },
  },
  "Casablanca goes back for Ramadan": {
    zone: "Africa/Casablanca",
    span: ["2025-02-23T00:00Z", "2025-02-23T12:00Z"],
    runs: { "30 2 * * *": ["02-23T01:30"], "30 2-4 * * *": ["02-23T01:30", "02-23T03:30", "02-23T04:30"] },
  },
  "Casablanca goes forward after Ramadan": {
    zone: "Africa/Casablanca",
    span: ["2025-04-06T00:00Z", "2025-04-06T12:00Z"],
    runs: { "30 2 * * *": ["04-06T02:00"], "30 1 * * *": ["04-06T01:30"], "*/30 2 * * *": [] },
  },
  "Troll loses two hours": {
    zone: "Antarctica/Troll",
    span: ["2025-03-30T00:00Z", "2025-03-30T12:00Z"],
    runs: {
      "30 1 * * *": ["03-30T01:00"],
      "15 2 * * *": ["03-30T01:00"],
      "45 1,2,3 * * *": ["03-30T01:00", "03-30T01:45"],
    },
  },
  "Troll repeats two hours": {
    zone: "Antarctica/Troll",
    span: ["2025-10-25T22:00Z", "2025-10-26T12:00Z"],
    runs: {
      "30 1 * * *": ["10-25T23:30"],
      "30 2 * * *": ["10-26T00:30"],
      "0 1-3 26 10 *": ["10-25T23:00", "10-26T00:00", "10-26T03:00"],
      "0 */2 26 10 *": each("10-26", "00:00 02:00 04:00 06:00 08:00 10:00 12:00"),
    },
  },
  "Apia loses a whole day": {
    zone: "Pacific/Apia",
    span: ["2011-12-29T20:00Z", "2011-12-31T08:00Z"],
    runs: {
      "0 9 * * *": ["12-30T10:00", "12-30T19:00"],
      "0 0 30 12 *": ["12-30T10:00"],
      "0 9 30 12 *": ["12-30T10:00"],
      "* * 30 12 *": [],
      "30 0 * * *": ["12-30T10:00", "12-30T10:30"],
    },
  },
  "Havana loses midnight": {
    zone: "America/Havana",
    span: ["2025-03-09T04:00Z", "2025-03-09T12:00Z"],
    runs: { "30 0 * * *": ["03-09T05:00"], "0 0 * * *": ["03-09T05:00"] },
  },
  "Havana repeats midnight": {
    zone: "America/Havana",
    span: ["2025-11-02T03:00Z", "2025-11-02T12:00Z"],
    runs: {
      "30 0 * * *": ["11-02T04:30"],
      "0 0 * * *": ["11-02T04:00"],
      "30 * * * *": each("11-02", "03:30 04:30 05:30 06:30 07:30 08:30 09:30 10:30 11:30"),
    },
  },
};

function each(day: string, times: string): string[] {
  return times.split(" ").map((time) => `${day}T${time}`);
}

describe("vixie, the default policy", () => {
  for (const [title, { zone: timezone, span, runs: expected }] of Object.entries(table)) {
    for (const [expression, wanted] of Object.entries(expected)) {
      it(`${title}: ${expression}`, () => expect(runs(expression, timezone, span)).toEqual(wanted));
    }
  }

  it("does not run again when asked from within the second copy", () => {
    const schedule = crontab("30 1 * * *", { timezone: "America/New_York" });
    expect(schedule.next(Date.parse("2025-11-02T06:10Z"))).toBe(Date.parse("2025-11-03T06:30Z"));
  });

  it("treats seconds in a fixed minute as fixed-time, star or not", () => {
    const within = (span: readonly [string, string]) => runs("*/30 30 2 * * *", "America/New_York", span);
    expect(within(["2025-03-09T06:00Z", "2025-03-09T12:00Z"])).toEqual(["03-09T07:00"]);
    const copies = runs("*/30 30 1 * * *", "America/New_York", ["2025-11-02T05:00Z", "2025-11-02T12:00Z"]);
    expect(copies).toEqual(["11-02T05:30", "11-02T05:30"]);
  });
});

describe("the other policies", () => {
  const gap = ["2025-03-09T06:10Z", "2025-03-09T08:00Z"] as const;
  const overlap = ["2025-11-02T04:59Z", "2025-11-02T07:00Z"] as const;
  const inNewYork = (expression: string, span: readonly [string, string], dst: DstPolicy) =>
    runs(expression, "America/New_York", span, dst).map((at) => at.slice(6));

  it("wall loses what the gap swallows and repeats what the clock repeats", () => {
    expect(inNewYork("30 2 * * *", gap, "wall")).toEqual([]);
    expect(inNewYork("30 1 * * *", overlap, "wall")).toEqual(["05:30", "06:30"]);
  });

  it("shift moves each swallowed label by the length of the gap, and merges it with one already there", () => {
    const dst = { gap: "shift", overlap: "first" } as const;
    expect(inNewYork("15,45 2 * * *", gap, dst)).toEqual(["07:15", "07:45"]);
    expect(inNewYork("15 2,3 * * *", gap, dst)).toEqual(["07:15"]);
    expect(inNewYork("15,45 2 * * *", ["2025-03-09T07:20Z", gap[1]], dst)).toEqual(["07:45"]);
  });

  it("skip loses the label, whatever the fields", () => {
    expect(inNewYork("30 2,3 * * *", gap, { gap: "skip", overlap: "first" })).toEqual(["07:30"]);
  });

  it("next makes up a swallowed wildcard too", () => {
    expect(inNewYork("*/20 2 * * *", gap, { gap: "next", overlap: "first" })).toEqual(["07:00"]);
  });

  it("chooses the copy of a repeated label", () => {
    expect(inNewYork("0,30 1 * * *", overlap, { gap: "next", overlap: "second" })).toEqual(["06:00", "06:30"]);
    expect(inNewYork("0,30 1 * * *", overlap, { gap: "next", overlap: "both" })).toEqual([
      "05:00",
      "05:30",
      "06:00",
      "06:30",
    ]);
  });

  it("celery runs the first swallowed label late, loses the others, and is silent in the second copy", () => {
    expect(inNewYork("30 2 * * *", gap, "celery")).toEqual(["07:30"]);
    expect(inNewYork("0 2 * * *", gap, "celery")).toEqual(["07:00"]);
    expect(inNewYork("15,45 2 * * *", gap, "celery")).toEqual(["07:15"]);
    expect(inNewYork("*/30 * * * *", gap, "celery")).toEqual(["06:30", "07:00", "07:30", "08:00"]);
    expect(inNewYork("0 */2 * * *", gap, "celery")).toEqual(["07:00", "08:00"]);
    expect(inNewYork("*/30 * * * *", overlap, "celery")).toEqual(["05:00", "05:30", "07:00"]);
    const lordHowe = ["2025-10-04T14:00Z", "2025-10-04T16:00Z"] as const;
    expect(runs("15 2 * * *", "Australia/Lord_Howe", lordHowe, "celery")).toEqual(["10-04T15:45"]);
    expect(runs("15,35 2 * * *", "Australia/Lord_Howe", lordHowe, "celery")).toEqual(["10-04T15:45"]);
    expect(runs("0 0 * * *", "Africa/Cairo", ["2025-04-24T21:00Z", "2025-04-25T20:00Z"], "celery")).toEqual([
      "04-24T22:00",
    ]);
  });

  it("refuses a policy it does not know, and says what there is", () => {
    expect(() => assertDst("vixi")).toThrow('dst: "vixi" is not a policy');
    expect(() => assertDst({ gap: "next" })).toThrow("dst.overlap is missing");
    expect(() => assertDst({ gap: "drop", overlap: "first" })).toThrow('dst.gap: "drop" is not a policy');
    expect(() => assertDst({ gap: "next", overlap: "first", extra: 1 })).toThrow('dst: unknown key "extra"');
    expect(() => assertDst(null)).toThrow("dst: null is not a policy");
    expect(() => crontab("* * * * *", { dst: "never" as DstPolicy })).toThrow('dst: "never" is not a policy');
  });
});

const zones = [
  "America/New_York",
  "Europe/London",
  "Australia/Lord_Howe",
  "Africa/Cairo",
  "America/Santiago",
  "Africa/Casablanca",
  "Antarctica/Troll",
  "America/Havana",
];

/** A clock change of 2024 or 2025, or Apia's lost day. */
const changes = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constantFrom(...zones), fc.nat(3)) },
  { weight: 1, arbitrary: fc.constant(["Pacific/Apia", 1] as [string, number]) },
);

function changeAt(name: string, nth: number): number {
  let at = name === "Pacific/Apia" ? Date.UTC(2011, 8, 1) : Date.UTC(2024, 0, 10);
  for (let index = 0; index <= nth; index += 1) at = zone(name).nextTransition(at)!.at;
  return at;
}

interface FieldText {
  readonly text: string;
  readonly values: readonly number[];
}

/** `*`, a step, or a list, with what it expands to. */
function field(max: number, favourites: readonly number[]): fc.Arbitrary<FieldText> {
  const every = Array.from({ length: max + 1 }, (_, value) => value);
  const list = fc.uniqueArray(fc.oneof(fc.constantFrom(...favourites), fc.nat(max)), { minLength: 1, maxLength: 4 });
  return fc.oneof(
    fc.constant({ text: "*", values: every }),
    fc
      .integer({ min: 1, max: 30 })
      .map((step) => ({ text: `*/${step}`, values: every.filter((value) => value % step === 0) })),
    list.map((values) => ({ text: values.join(","), values })),
  );
}

const weekdays = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ text: "*", values: [0, 1, 2, 3, 4, 5, 6] }) },
  { weight: 1, arbitrary: fc.constant({ text: "fri-sun", values: [5, 6, 0] }) },
);

const policies = fc.oneof(
  fc.constantFrom<DstPolicy>("vixie", "wall"),
  fc.record({
    gap: fc.constantFrom("next", "shift", "skip"),
    overlap: fc.constantFrom("first", "second", "both"),
  } as const),
);

function writtenRule(policy: DstPolicy, minute: string, hour: string): OracleRule {
  if (typeof policy === "object") return policy;
  const followsWall = policy === "wall" || minute.startsWith("*") || hour.startsWith("*");
  return followsWall ? { gap: "skip", overlap: "both" } : { gap: "next", overlap: "first" };
}

describe("around any clock change", () => {
  const scenario = fc.record({
    change: changes,
    minute: field(59, [0, 15, 30, 45]),
    hour: field(23, [0, 1, 2, 3, 23]),
    weekday: weekdays,
    policy: policies,
    starts: fc.array(fc.integer({ min: -30 * HOUR_MS, max: 30 * HOUR_MS }), { minLength: 5, maxLength: 12 }),
  });

  it("fires exactly when a walk over the wall clock says so, from wherever it is asked", () => {
    fc.assert(
      fc.property(scenario, ({ change: [name, nth], minute, hour, weekday, policy, starts }) => {
        const at = changeAt(name, nth);
        const schedule = crontab(`${minute.text} ${hour.text} * * ${weekday.text}`, { timezone: name, dst: policy });
        const fields: OracleFields = {
          minutes: new Set(minute.values),
          hours: new Set(hour.values),
          daysOfMonth: new Set(Array.from({ length: 31 }, (_, day) => day + 1)),
          months: new Set(Array.from({ length: 12 }, (_, month) => month + 1)),
          weekdays: new Set(weekday.values),
        };
        const span = { zone: name, fromAt: at - 36 * HOUR_MS, toAt: at + 36 * HOUR_MS };
        const expected = occurrences(fields, writtenRule(policy, minute.text, hour.text), span);
        const found: number[] = [];
        let next = schedule.next(span.fromAt - 1);
        while (next !== null && next < span.toAt) {
          found.push(next);
          next = schedule.next(next);
        }
        expect(found).toEqual(expected);
        for (const offset of starts) {
          const first = expected.find((occurrence) => occurrence > at + offset);
          if (first !== undefined) expect(schedule.next(at + offset)).toBe(first);
        }
      }),
      { numRuns: 250 },
    );
  });

  it("is strictly after, and answers alike from any start, under Celery's rule too", () => {
    fc.assert(
      fc.property(scenario, ({ change: [name, nth], minute, hour, weekday, starts }) => {
        const at = changeAt(name, nth);
        const schedule = crontab(`${minute.text} ${hour.text} * * ${weekday.text}`, { timezone: name, dst: "celery" });
        const chain: number[] = [];
        let next = schedule.next(at - 36 * HOUR_MS);
        while (next !== null && next < at + 36 * HOUR_MS) {
          expect(next).toBeGreaterThan(chain.at(-1) ?? at - 36 * HOUR_MS);
          chain.push(next);
          next = schedule.next(next);
        }
        for (const offset of starts) {
          const first = chain.find((occurrence) => occurrence > at + offset);
          if (first !== undefined) expect(schedule.next(at + offset)).toBe(first);
        }
      }),
      { numRuns: 250 },
    );
  });
});
