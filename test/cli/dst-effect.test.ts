import { describe, expect, it } from "vitest";
import { clockTimes, dstEffect } from "../../src/cli/dst-effect.ts";
import { effectText } from "../../src/cli/dst-text.ts";
import { clocked } from "../../src/schedule/clocked.ts";
import { crontab } from "../../src/schedule/crontab.ts";
import type { DstPolicy } from "../../src/schedule/dst.ts";
import { every } from "../../src/schedule/interval.ts";
import { limit } from "../../src/schedule/limits.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { solar } from "../../src/schedule/solar.ts";
import { type Transition, zone } from "../../src/schedule/zone.ts";

function change(timezone: string, after: string): Transition {
  const found = zone(timezone).nextTransition(Date.parse(after));
  if (found === null) throw new Error(`${timezone} does not change after ${after}`);
  return found;
}

function told(schedule: Schedule, at: Transition): string {
  const times = clockTimes(schedule);
  const effect = times === null ? null : dstEffect(schedule, times, at);
  return times === null || effect === null ? "untouched" : effectText(effect, times.zone);
}

interface Case {
  readonly spec: string;
  readonly timezone?: string;
  readonly dst?: DstPolicy;
  readonly says: string;
}

const newYork = "America/New_York";
const spring = change(newYork, "2027-01-01T00:00Z");
const autumn = change(newYork, "2027-06-01T00:00Z");

describe("what a clock that goes forward does to a crontab", () => {
  const cases: readonly Case[] = [
    { spec: "30 2 * * *", says: "02:30 does not exist: runs at 03:00" },
    { spec: "30 2 * * *", dst: "wall", says: "02:30 does not exist: skipped" },
    { spec: "30 2 * * *", dst: "celery", says: "02:30 does not exist: runs at 03:30" },
    { spec: "15,45 2 * * *", says: "02:15, 02:45 do not exist: runs once, at 03:00" },
    { spec: "15,45 2 * * *", dst: "celery", says: "02:15, 02:45 do not exist: runs once, at 03:15" },
    {
      spec: "15,45 2 * * *",
      dst: { gap: "shift", overlap: "second" },
      says: "02:15, 02:45 do not exist: runs at 03:15, 03:45",
    },
    { spec: "*/15 2 * * *", says: "02:00 to 02:45 (4 times) do not exist: skipped" },
    { spec: "*/30 * * * *", says: "02:00, 02:30 do not exist: skipped" },
    { spec: "0 */2 * * *", says: "02:00 does not exist: skipped" },
    { spec: "0,30 2,3 * * *", says: "02:00, 02:30 do not exist: runs once, at 03:00" },
    { spec: "* 30 2 * * *", says: "02:30 to 02:30:59 (60 times) do not exist: runs once, at 03:00" },
    { spec: "0 12 * * *", says: "untouched" },
    { spec: "30 2 * * mon", says: "untouched" },
    { spec: "30 2 14 mar *", says: "02:30 does not exist: runs at 03:00" },
    { spec: "30 2 * * sun#2", says: "02:30 does not exist: runs at 03:00" },
    { spec: "30 2 L * *", says: "untouched" },
  ];

  it.each(cases)("$spec $dst: $says", ({ spec, dst, says }) => {
    expect(told(crontab(spec, { timezone: newYork, dst }), spring)).toBe(says);
  });
});

describe("what a clock that goes back does to a crontab", () => {
  const cases: readonly Case[] = [
    { spec: "30 1 * * *", says: "01:30 comes twice: runs in the first copy only" },
    { spec: "30 1 * * *", dst: "wall", says: "01:30 comes twice: runs in both copies" },
    {
      spec: "30 1 * * *",
      dst: { gap: "next", overlap: "second" },
      says: "01:30 comes twice: runs in the second copy only",
    },
    { spec: "*/30 * * * *", says: "01:00, 01:30 come twice: runs in both copies" },
    { spec: "*/30 * * * *", dst: "celery", says: "01:00, 01:30 come twice: runs in the first copy only" },
    { spec: "30 2 * * *", says: "untouched" },
  ];

  it.each(cases)("$spec $dst: $says", ({ spec, dst, says }) => {
    expect(told(crontab(spec, { timezone: newYork, dst }), autumn)).toBe(says);
  });
});

describe("clock changes of other shapes", () => {
  it("knows half hours, midnights, and clocks that go back in spring", () => {
    const howe = "Australia/Lord_Howe";
    const quarterPast = crontab("15 2 * * *", { timezone: howe });
    expect(told(quarterPast, change(howe, "2027-06-01T00:00Z"))).toBe("02:15 does not exist: runs at 02:30");
    const quarterTo = crontab("45 1 * * *", { timezone: howe });
    expect(told(quarterTo, change(howe, "2027-01-01T00:00Z"))).toBe("01:45 comes twice: runs in the first copy only");
    const casablanca = "Africa/Casablanca";
    const night = crontab("30 2 * * *", { timezone: casablanca });
    expect(told(night, change(casablanca, "2027-01-01T00:00Z"))).toBe("02:30 comes twice: runs in the first copy only");
    const santiago = "America/Santiago";
    const midnight = crontab("@daily", { timezone: santiago });
    expect(told(midnight, change(santiago, "2027-06-01T00:00Z"))).toBe("00:00 does not exist: runs at 01:00");
    const oslo = crontab("30 2 * * *", { timezone: "Europe/Oslo" });
    expect(told(oslo, change("Europe/Oslo", "2027-01-01T00:00Z"))).toBe("02:30 does not exist: runs at 03:00");
  });

  it("leaves out times that start, end and exclusions forbid anyway", () => {
    const night = crontab("30 2 * * *", { timezone: newYork });
    const bounds = { timezone: newYork };
    expect(told(limit(night, { ...bounds, exclude: [{ from: "2027-03-14", to: "2027-03-14" }] }), spring)).toBe(
      "untouched",
    );
    expect(told(limit(night, { ...bounds, endAt: Date.parse("2027-01-01") }), spring)).toBe("untouched");
    expect(told(limit(night, { ...bounds, startAt: Date.parse("2027-06-01") }), spring)).toBe("untouched");
    expect(told(limit(night, { ...bounds, endAt: Date.parse("2028-01-01") }), spring)).toBe(
      "02:30 does not exist: runs at 03:00",
    );
  });

  it("touches nothing that knows no clock", () => {
    const sun = solar("sunset", 40, -74);
    for (const schedule of [every(60), sun, clocked("2027-03-14T02:30", { timezone: newYork })]) {
      expect(told(schedule, spring)).toBe("untouched");
    }
  });
});
