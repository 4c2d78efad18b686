import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FIELDS, parseField } from "../../src/schedule/crontab-field.ts";
import type { FieldName } from "../../src/schedule/crontab-field.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import { every } from "../../src/schedule/interval.ts";
import { zone } from "../../src/schedule/zone.ts";
import { askCelery } from "../helper/celery-crontab.ts";
import { wallClock } from "../helper/cron-oracle.ts";
import { requireService } from "../helper/debian.ts";

const names = ["minute", "hour", "dayOfMonth", "monthOfYear", "dayOfWeek"] as const satisfies readonly FieldName[];
const MONTH_NAME = /jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec/i;

const odd = [
  ["*", "*/15", "*/1", "*/100", "*/0", "*/", "*/5x", "*/a", "*/-1", "*/ 5", "*/5 ", "*/1/2", "**", "*5", "* ", "a*/5"],
  [
    "5",
    " 5",
    "5 ",
    "+5",
    "05",
    "-1",
    "-",
    "",
    ",",
    "1,,2",
    "1,2,",
    "1, 2",
    "3,3",
    "1_0",
    "0x5",
    "5.5",
    "60",
    "24",
    "0",
  ],
  ["5-10", "5-10/2", "5-10/0", "5-10/", "5-10/2x", "5-10junk", "50-10", "50-10/7", "22-2", "22-2/2", "11-2", "25-5"],
  ["1-3-5", "1-", "1--3", "1 - 3", "x1-3", "3-*", "5-10 ", " 5-10", "5/10", "5-10/2,*", "1-3,2-4", "0,6-1", "6-0"],
  ["mon", "monday", "MON", "Mondays", "mo", "m", "fri-mon", "sat-sun", "sun-sat", "mon-fri/2", "mon,wed", "mon/2"],
  ["jan", "january", "JAN-mar", "nov-feb", "feb,aug", "2-12/2", "sun", "sunday-tuesday", "tue-thu/2", "1-sat"],
].flat();

function part(max: number): fc.Arbitrary<string> {
  const value = fc.oneof(
    { weight: 6, arbitrary: fc.nat(max + 1).map(String) },
    { weight: 1, arbitrary: fc.constantFrom("sun", "mon", "tuesday", "wed", "thu", "FRI", "sat") },
  );
  const step = fc.nat(max + 2);
  return fc.oneof(
    value,
    fc.constant("*"),
    step.map((by) => `*/${by}`),
    fc.tuple(value, value).map(([from, to]) => `${from}-${to}`),
    fc.tuple(value, value, step).map(([from, to, by]) => `${from}-${to}/${by}`),
  );
}

/** Like `part`, but always within range. */
function goodPart({ min, max }: { min: number; max: number }): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  return fc.oneof(
    { weight: 3, arbitrary: value.map(String) },
    { weight: 2, arbitrary: fc.constant("*") },
    fc.integer({ min: 1, max }).map((by) => `*/${by}`),
    fc.tuple(value, value).map(([from, to]) => `${from}-${to}`),
    fc.tuple(value, value, fc.integer({ min: 1, max: 9 })).map(([from, to, by]) => `${from}-${to}/${by}`),
  );
}

const lists = (single: fc.Arbitrary<string>) =>
  fc.array(single, { minLength: 1, maxLength: 3 }).map((all) => all.join(","));

function sample<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 20_260_101 });
}

function expandOurs(name: FieldName, text: string): readonly number[] | null {
  try {
    return parseField(name, text, "").values;
  } catch {
    return null;
  }
}

/** Seven as Sunday is ours alone. */
const usesSeven = (name: FieldName, text: string): boolean => name === "dayOfWeek" && /\b0*7\b/.test(text);

describe.skipIf(!requireService("celery"))("beside the real Celery", () => {
  it("expands every field to the same values, and refuses the same fields", () => {
    const cases = names.flatMap((name) => {
      const texts = [...odd, ...sample(lists(part(FIELDS[name].max)), 300)];
      return texts.filter((text) => !usesSeven(name, text)).map((text) => ({ name, text }));
    });
    const answers = askCelery({
      expand: cases.map(({ name, text }) => [FIELDS[name].max - FIELDS[name].min + 1, FIELDS[name].min, text]),
    });
    let refused = 0;
    cases.forEach(({ name, text }, index) => {
      if (!answers.months && MONTH_NAME.test(text)) return;
      const theirs = answers.expand[index];
      if (theirs === null) refused += 1;
      expect({ name, text, values: expandOurs(name, text) }).toEqual({ name, text, values: theirs });
    });
    expect(cases.length).toBeGreaterThan(1500);
    expect(refused).toBeGreaterThan(200);
  });

  it("is next due at the same time on the wall, away from clock changes", () => {
    const cases = sample(nextCases, 600).filter(({ fields, after, name }) => {
      if (never(fields)) return false;
      const at = crontab(fields, { timezone: name }).next(after * 1000);
      return at !== null && isCalm(name, after * 1000) && isCalm(name, at);
    });
    const answers = askCelery({ next: cases.map(({ name, fields, after }) => ({ zone: name, fields, after })) });
    cases.forEach(({ name, fields, after }, index) => {
      const at = crontab(fields, { timezone: name }).next(after * 1000)!;
      const ours = new Date(wallClock(name, at)).toISOString().slice(0, 19);
      expect({ name, fields, after, next: ours }).toEqual({ name, fields, after, next: answers.next[index] });
    });
    expect(cases.length).toBeGreaterThan(300);
  });

  it("rounds relative intervals to the same unit, away from clock changes", () => {
    const seconds = fc.oneof(
      fc.integer({ min: 1, max: 130 }),
      fc.integer({ min: 1, max: 8000 }),
      fc.integer({ min: 1, max: 1e6 }),
    );
    const cases = sample(fc.record({ name: zoneNames, seconds, after: instants }), 300).filter(
      ({ name, seconds, after }) => isCalm(name, after * 1000) && isCalm(name, (after + seconds) * 1000),
    );
    const answers = askCelery({ relative: cases.map(({ name, seconds, after }) => ({ zone: name, seconds, after })) });
    cases.forEach(({ name, seconds, after }, index) => {
      // Celery adds on the wall clock, we add time: equal only where no change lies between.
      if (zone(name).offsetAt(after * 1000) !== zone(name).offsetAt((after + seconds) * 1000)) return;
      const at = every(seconds, { relative: true, timezone: name }).next(after * 1000)!;
      expect(new Date(wallClock(name, at)).toISOString().slice(0, 19)).toBe(answers.relative[index]);
    });
    expect(cases.length).toBeGreaterThan(200);
  });
});

/**
 * East of Greenwich, or without day fields: Celery 5.2 takes the next candidate day for one in UTC, and to the west passes
 * over a day that is already due.
 */
const zoneNames = fc.constantFrom(
  "UTC",
  "Asia/Taipei",
  "Asia/Kolkata",
  "Europe/Berlin",
  "Africa/Nairobi",
  "Pacific/Auckland",
);
const instants = fc.integer({ min: Date.UTC(2020, 0, 1) / 1000, max: Date.UTC(2025, 11, 31) / 1000 });

const nextCases = fc
  .record({
    name: zoneNames,
    minute: lists(goodPart(FIELDS.minute)),
    hour: lists(goodPart(FIELDS.hour)),
    day_of_month: fc.oneof(fc.constant("*"), lists(goodPart(FIELDS.dayOfMonth))),
    month_of_year: fc.oneof(fc.constant("*"), lists(goodPart(FIELDS.monthOfYear))),
    day_of_week: fc.oneof(fc.constant("*"), lists(goodPart(FIELDS.dayOfWeek))),
    after: instants,
  })
  .map(({ name, after, ...fields }) => ({ name, after, fields }));

function never(fields: Readonly<Record<string, string>>): boolean {
  try {
    crontab(fields);
    return false;
  } catch {
    return true;
  }
}

/** No clock change within two days. */
function isCalm(name: string, at: number): boolean {
  const twoDaysMs = 2 * 86_400_000;
  return zone(name).nextTransition(at - twoDaysMs, 2 * twoDaysMs) === null;
}

/** Zone, crontab, start, and the runs of Celery 5.6.3, each computed from the one before (UTC, without the year). */
const measured = [
  ["America/New_York", "30 2 * * *", "2025-03-09T06:00Z", "03-09T07:30 03-10T06:30"],
  ["America/New_York", "*/20 2 * * *", "2025-03-09T06:00Z", "03-09T07:00 03-10T06:00"],
  ["America/New_York", "0 */2 * * *", "2025-03-09T04:30Z", "03-09T05:00 03-09T07:00 03-09T08:00"],
  ["America/New_York", "*/30 * * * *", "2025-03-09T06:10Z", "03-09T06:30 03-09T07:00 03-09T07:30"],
  ["America/New_York", "30 1 * * *", "2025-11-02T04:00Z", "11-02T05:30 11-03T06:30"],
  ["America/New_York", "*/30 * * * *", "2025-11-02T05:10Z", "11-02T05:30 11-02T07:00 11-02T07:30"],
  ["America/New_York", "0 12 * * *", "2025-11-01T12:00Z", "11-01T16:00 11-02T17:00"],
  ["Australia/Lord_Howe", "15 2 * * *", "2025-10-04T12:00Z", "10-04T15:45 10-05T15:15"],
  ["Australia/Lord_Howe", "15,35 2 * * *", "2025-10-04T12:00Z", "10-04T15:45 10-05T15:15 10-05T15:35"],
  ["Australia/Lord_Howe", "*/15 1 * * *", "2025-04-05T14:20Z", "04-05T14:30 04-05T14:45 04-06T14:30"],
  ["Africa/Cairo", "0 0 * * *", "2025-04-24T12:00Z", "04-24T22:00 04-25T21:00"],
  ["Africa/Cairo", "30 23 * * *", "2025-10-30T12:00Z", "10-30T20:30 10-31T21:30"],
  ["America/Santiago", "30 0 * * *", "2025-09-07T02:00Z", "09-07T04:30 09-08T03:30"],
  ["Antarctica/Troll", "15,45 1-2 * * *", "2025-03-30T00:00Z", "03-30T01:15 03-30T23:15"],
  ["Antarctica/Troll", "30 * * * *", "2025-10-25T23:40Z", "10-26T00:30 10-26T03:30 10-26T04:30"],
  ["America/Havana", "30 0 * * *", "2025-11-02T01:00Z", "11-02T04:30 11-03T05:30"],
] as const;

describe("dst: celery", () => {
  it.skipIf(!requireService("celery"))("does what the Celery installed here does, if that is 5.6 or later", () => {
    const cases = measured.map(([timezone, expression, start, runs]) => {
      const [minute = "", hour = ""] = expression.split(" ");
      return {
        zone: timezone,
        fields: { minute, hour },
        after: Date.parse(start) / 1000,
        count: runs.split(" ").length,
      };
    });
    const { version, chain } = askCelery({ chain: cases });
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const shown = chain.map((runs) => runs.map((at) => new Date(at * 1000).toISOString().slice(5, 16)).join(" "));
    // Before, its arithmetic used one offset for both sides of a change.
    if (major > 5 || (major === 5 && minor >= 6)) expect(shown).toEqual(measured.map(([, , , runs]) => runs));
    else expect(shown).not.toEqual(measured.map(([, , , runs]) => runs));
  });

  for (const [timezone, expression, start, runs] of measured) {
    it(`does what Celery 5.6 does: ${expression} in ${timezone} from ${start}`, () => {
      const schedule = crontab(expression, { timezone, dst: "celery" });
      let at = Date.parse(start);
      for (const run of runs.split(" ")) {
        at = schedule.next(at)!;
        expect(new Date(at).toISOString().slice(5, 16)).toBe(run);
      }
    });
  }
});
